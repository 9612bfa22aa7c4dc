import SyncCore
import SyncEngine

extension EngineReport {
    /// Whether the service writes a line about it however often it comes. What it writes for developers only does not count, nor what it writes once
    /// for each object or event.
    var isLine: Bool {
        switch self {
        case .attempted, .refused, .fenced, .takenBack, .gate, .brakeEngaged, .planStalled, .strayRemotes, .storeUnavailable: true
        case .storeAvailable, .exchangeProblem: true
        case .recovered(let rows): rows > 0
        case .runEnded(_, _, let counts, let error, _, _): error != nil || counts != RunCounts()
        case .planned(let batch): batch.isLine
        case .reconciled(let results): results.contains(where: \.isLine)
        case .inbox(let result): result.reconciled.contains(where: \.isLine)
        case .shared, .unreadable, .read, .runBegan, .readsFailedBefore, .pruned: false
        }
    }
}

extension PlanBatch {
    fileprivate var isLine: Bool {
        !superseded.isEmpty || !refused.isEmpty || !heldBack.isEmpty || !unreadable.isEmpty || !putAside.isEmpty || !foreignRemotes.isEmpty
    }
}

extension Reconciled {
    fileprivate var isLine: Bool {
        if !verdict.otherFields.isEmpty || !verdict.drift.isEmpty || verdict.titleWinner != nil || verdict.engagesBrake { return true }
        return switch verdict.kind {
        case .adopted, .conflict, .rolledBack: true
        case .kept, .refused, .left, .braked: isNew
        case .unmapped, .silent, .unchanged, .first, .stale, .readAgain: false
        }
    }
}
