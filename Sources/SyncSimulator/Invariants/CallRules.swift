import SyncCore
import SyncEngine

/// When and how often remotes may be called.
///
/// | a remote is not called                                                    |
/// |---------------------------------------------------------------------------|
/// | before the time at which it wants to be called again                      |
/// | more often than its rate limit admits in ``rateSpan``                     |
/// | after ``mostFailures`` deliveries in a row that failed within ``failureSpan`` |
/// | after the process was asked to stop                                       |
///
/// A message is not sent while the last known status of Fin says that it takes none: it is done with the conversation, or it has been at work for
/// less than ``replyHold``. What a former process knew does not count, and neither does what was known before a reload.
struct CallRules {
    /// A burst is one second's worth.
    private static let rateSpan = Duration.seconds(2)
    private static let failureSpan = Duration.minutes(1)
    /// More than the breaker's largest sample, with what a high concurrency sends before it is lowered, and the probes.
    private static let mostFailures = 60
    private static let endsOfFin: Set<String> = ["escalated", "resolved", "complete"]
    private static let worksOfFin: Set<String> = ["thinking", "replying"]
    /// How long a message waits for Fin's reply where nothing else is configured.
    private static let replyHold = Duration.seconds(10)

    private var waits: [String: Duration] = [:]
    private var calls: [String: [Duration]] = [:]
    private var failures: [String: [Duration]] = [:]

    mutating func reset() { self = CallRules() }

    /// A person wants the remote called now.
    mutating func resumed(_ remote: String) {
        waits[remote] = nil
        failures[remote] = nil
    }

    /// - Parameter wall: nil where the clock may have been set since something was reported.
    /// - Returns: what is wrong with a call that begins.
    mutating func problem(with call: SimulatedCall, isStopping: Bool, wall: Instant?, at moment: Duration) -> String? {
        let name = call.remote.name
        if isStopping { return "a call to \(name) after the request to stop" }
        // Times are stored in milliseconds.
        if let until = waits[name], moment < until - .milliseconds(1) {
            return "a call to \(name), which wants to be called in \((until - moment).milliseconds) ms"
        }
        let failed = (failures[name] ?? []).filter { $0 > moment - CallRules.failureSpan }
        failures[name] = failed
        if call.isWrite, failed.count > CallRules.mostFailures { return "a call to \(name) after \(failed.count) failed ones in a minute" }
        if case .deliver(let row) = call.purpose, row.delta == nil, !row.isReleased, let word = row.known.linkRecord.events?.last?.word {
            if CallRules.endsOfFin.contains(word) { return "row \(row.id) is sent to \(name), whose last status is \(word)" }
            if CallRules.worksOfFin.contains(word), let wall, let since = row.known.seenAt, since <= wall,
                wall < since + CallRules.replyHold
            {
                return "row \(row.id) is sent to \(name), which is \(word) for \((wall - since).milliseconds) ms"
            }
        }
        guard let rate = call.remote.gate.rate else { return nil }
        let recent = (calls[name] ?? []).filter { $0 > moment - CallRules.rateSpan } + [moment]
        calls[name] = recent
        let most = rate.calls + Int(CallRules.rateSpan.milliseconds) * rate.calls / Int(rate.period.milliseconds)
        return recent.count > most ? "\(recent.count) calls to \(name) in \(CallRules.rateSpan.milliseconds) ms, rate \(rate)" : nil
    }

    /// The service has got the end of a call.
    mutating func ended(_ call: SimulatedCall, _ end: Engine.CallEnd, wall: Instant, at moment: Duration) {
        let name = call.remote.name
        let outcome =
            switch end {
            case .delivered(let outcome, _), .read(let outcome, _): outcome
            }
        if let until = wait(call, outcome, wall: wall, at: moment) { waits[name] = max(until, waits[name] ?? until) }
        guard call.isWrite else { return }
        switch outcome.outcome {
        case .retry, .park: failures[name, default: []].append(moment)
        case .delivered, .gone, .dead: failures[name] = nil
        case .throttled, .interrupted: break
        }
    }

    /// Until when the response wants the remote left alone: a number of seconds is read here, a date is taken as the service reads it.
    private func wait(_ call: SimulatedCall, _ outcome: DeliveryOutcome, wall: Instant, at moment: Duration) -> Duration? {
        guard case .success(let reply)? = call.result, [429, 503].contains(reply.status),
            let text = reply.headers.first(where: { $0.key.lowercased() == "retry-after" })?.value
        else { return nil }
        if let seconds = Int64(text) { return moment + .seconds(seconds) }
        return outcome.notBefore.map { moment + ($0 - wall) }
    }
}
