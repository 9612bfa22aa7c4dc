import ArgumentParser
import SyncCore
import SyncStore

/// Selected rows to which a command does not apply, each with a hint.
struct SkippedRow {
    var id: Int64
    /// Begins with a verb: "is delivered".
    var reason: String
    var hint: String

    /// The most rows that are listed for people.
    private static let lines = 20

    init(_ skipped: ManagingResult.Skipped, action: OutboxAction) {
        id = skipped.id
        reason = skipped.reason
        hint = skipped.obstacle.hint(id: skipped.id, action: action)
    }

    init(missing id: Int64) {
        self.id = id
        reason = ManagingObstacle.missing.reason
        hint = ManagingObstacle.missing.hint(id: id, action: .retry)
    }

    var json: JSONValue { ["id": .integer(id), "reason": .string(reason), "hint": .string(hint)] }

    /// The ids that are not in the outbox, sorted.
    static func missing(_ ids: [Int64], in store: Store) async throws -> [SkippedRow] {
        guard !ids.isEmpty else { return [] }
        return Set(ids).subtracting(try await store.existingRows(ids)).sorted().map(SkippedRow.init(missing:))
    }

    /// Lists the rows, if there are any, and throws the exit code for wrong usage. With --json they are in the object instead.
    static func complain(of skipped: [SkippedRow], _ output: OutputOptions) throws {
        guard !skipped.isEmpty else { return }
        if !output.json { Terminal.printError(lines(skipped)) }
        throw ExitCode.wrongUsage
    }

    static func lines(_ skipped: [SkippedRow]) -> [String] {
        skipped.prefix(lines).map { "convosync: row \($0.id) \($0.reason): \($0.hint)" }
            + (skipped.count > lines ? ["convosync: … and \(skipped.count - lines) more rows; --json has all of them"] : [])
    }
}

extension ManagingObstacle {
    /// The command to use instead, or why none is needed.
    func hint(id: Int64, action: OutboxAction) -> String {
        let show = "convosync outbox show \(id)"
        switch self {
        case .missing: return "`convosync outbox list` shows the rows there are"
        case .leftOut: return "`convosync outbox \(action.rawValue) \(id)` without these options"
        case .mayHaveArrived: return "look at the conversation there, then `convosync outbox retry \(id) --accept-duplicate` or leave it"
        case .messageDeleted, .messageOfAnotherAuthor:
            return "there is nothing to send; `convosync outbox discard \(id)` takes it off the list"
        case .messagePlannedAnew: return "`\(show)` has the message; only its newest row in `convosync outbox list` can be retried"
        case .unknownState: return "`\(show)`; a newer version of convosync has written it"
        case .state(let state, let holder, let successor):
            return hint(id: id, action: action, state: state, holder: holder, successor: successor)
        }
    }

    private func hint(id: Int64, action: OutboxAction, state: OutboxState, holder: Holder?, successor: Int64?) -> String {
        let show = "convosync outbox show \(id)"
        switch state {
        case .held:
            return "`convosync outbox release \(id)` lets it go" + (holder.map { "; it is held by \($0.rawValue)" } ?? "")
        case .sending: return "its call is under way; `\(show)` says how it ends"
        case .delivered: return "the remote has acknowledged it; `\(show)`"
        case .superseded: return "a newer row carries its change; `convosync outbox show \(successor ?? id)`"
        case .pending: return "it is not held; `convosync outbox retry \(id)` sends it now"
        case .dead: return "`convosync outbox retry \(id)` sends it again"
        case .uncertain: return "`convosync outbox retry \(id) --accept-duplicate` sends it again"
        case .discarded: return action == .release ? "`convosync outbox retry \(id)` sends it" : "nothing is left to do; `\(show)`"
        }
    }
}
