import SyncCore

/// The input of the machines while an event is handled, and the actions they produce.
struct Context {
    let time: EventTime
    let retry: RetryPolicy
    /// Whether the engine is stopping: no further call goes out.
    var isStopping: Bool
    /// Whether a drain waits for lists that are being read before it sends anything.
    var holdsClaims = false
    var random: SplitMix64
    var lastCall: UInt64
    var actions: [Engine.Action] = []

    mutating func report(_ report: EngineReport) { actions.append(.report(report)) }

    mutating func call(_ remote: String, _ purpose: Engine.CallPurpose) -> Engine.CallID {
        lastCall += 1
        let id = Engine.CallID(number: lastCall)
        actions.append(.call(id, remote, purpose))
        return id
    }
}
