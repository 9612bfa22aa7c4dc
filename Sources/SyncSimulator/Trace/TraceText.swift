import SyncCore
import SyncEngine
import SyncStore

/// Events and actions as lines of the trace, with everything that could differ, in a fixed order.
enum TraceText {
    static func of(_ event: Engine.Event) -> String {
        switch event {
        case .databaseChanged: "database changed"
        case .alarmRang: "alarm"
        case .credentialReplaced(let remote): "credential of \(remote)"
        case .exchanged(let result): "exchanged \(of(result))"
        case .callEnded(let id, .delivered(let outcome, _)):
            "call \(id.number) ended \(outcome.outcome) \(outcome.httpStatus ?? 0) \(outcome.error ?? "")"
        case .callEnded(let id, .read(let outcome, let body)):
            "read \(id.number) ended \(outcome.outcome) \(outcome.httpStatus ?? 0) \(body?.text ?? outcome.error ?? "")"
        case .remoteEvents(let ticket, let remote, let notices): "webhook \(ticket) \(remote) \(notices)"
        case .turnRequested(let cause): "turn \(cause)"
        case .drainRequested(let until): "drain \(until.map { "\($0.milliseconds)" } ?? "-")"
        case .stopRequested(let span): "stop within \(span.milliseconds)"
        case .configured: "configured"
        }
    }

    static func of(_ exchange: Exchange) -> String {
        var parts: [String] = []
        if let step = exchange.clockStep { parts.append("step \(step.milliseconds)") }
        if let own = exchange.recoversExcept { parts.append("recovers except \(own.sorted())") }
        for lane in exchange.lanes {
            let finished = lane.finished.map { "\($0.claimed.id) \($0.row.state) \($0.row.dueAt.iso8601)" }.joined(separator: ", ")
            let claim = lane.claim.map { "claim \($0.rows) \($0.retries) \($0.retriesDueBy.iso8601)" } ?? ""
            parts.append("\(lane.remote)[\(finished) \(lane.gate == nil ? "" : "gate") \(claim) \(lane.absences)]")
        }
        if !exchange.events.isEmpty { parts.append("events \(exchange.events.map(\.ticket))") }
        for read in exchange.reads {
            let question = read.question.map { "\($0)" } ?? ""
            parts.append(
                "\(read.remote)<\(read.reports.count) \(read.completed.count) \(read.health.map { "\($0)" } ?? "") \(read.requests) \(question)>"
            )
        }
        if exchange.processesInbox { parts.append("inbox") }
        if let plan = exchange.plan {
            parts.append("plan \(plan.limit) \(plan.delivering.sorted()) \(plan.isFirst ? "first" : "") \(plan.keySeed)")
        }
        if exchange.retention != nil { parts.append("retention") }
        let run = exchange.run
        parts.append("run \(run.id.map { "\($0)" } ?? "-") \(run.cause) \(run.endsIfDone) \(run.ends)")
        return parts.joined(separator: " ")
    }

    static func of(_ result: Result<ExchangeResult, StoreError>) -> String {
        switch result {
        case .failure(let error): return "failed: \(error)"
        case .success(let result):
            var parts = [result.hasWritten ? "written" : "read"]
            for (name, lane) in result.lanes.sorted(by: { $0.key < $1.key }) {
                var text = "\(name)[\(lane.claimed.map(\.id)) due \(lane.nextDueAt?.iso8601 ?? "-")"
                if !lane.fenced.isEmpty { text += " fenced \(lane.fenced)" }
                if lane.orders.isPaused { text += " paused" }
                if lane.orders.isBeingFed { text += " fed" }
                if lane.mayHaveMore { text += " more" }
                if lane.isCutShort { text += " cut short" }
                if lane.isSomethingDue { text += " something due" }
                parts.append(text + "]")
            }
            for (name, read) in result.reads.sorted(by: { $0.key < $1.key }) where !read.requests.isEmpty || !read.reconciled.isEmpty {
                parts.append("\(name)<\(read.requests.map(\.remoteID)) \(read.reconciled.map { $0.verdict.kind })>")
            }
            if let plan = result.plan {
                parts.append(
                    "planned \(plan.batch.planned) of \(plan.batch.examined)\(plan.hasMore ? " more" : "") \(plan.nextPlanAt?.iso8601 ?? "")"
                )
            }
            if let run = result.runID { parts.append("run \(run)\(result.hasEndedRun ? " ended" : "")") }
            if result.hasMoreInbox { parts.append("more inbox") }
            if !result.problems.isEmpty { parts.append("problems \(result.problems)") }
            return parts.joined(separator: " ")
        }
    }

    static func of(_ report: EngineReport) -> String {
        switch report {
        case .attempted(let call, let remote):
            "attempted \(remote.name) \(call.claimed.id) \(call.row.state) \(call.error ?? "")"
        case .gate(let change, let remote): "gate \(remote) \(change)"
        case .reconciled(let reconciled): "reconciled \(reconciled.map { "\($0.verdict)" })"
        case .runBegan(let id, let cause): "run \(id) \(cause) began"
        case .runEnded(let id, _, let counts, let error, _, _): "run \(id.map(String.init) ?? "-") ended \(counts) \(error ?? "")"
        case .planned(let batch): "planned \(batch.planned) of \(batch.examined), \(batch.takenOff) taken off"
        case .fenced(let id, let remote): "fenced \(remote) \(id)"
        case .exchangeProblem(let problem): "problem \(problem)"
        case .storeUnavailable(let error): "store unavailable \(error)"
        default: Mirror(reflecting: report).children.first?.label ?? "\(report)"
        }
    }
}
