import SyncCore

/// The machines for one remote: deliveries, and reads if it can be read. Both pass the lane's gate.
struct RemoteMachines: Sendable {
    var lane: Lane
    var reader: Reader?

    init(_ remote: Remote, stored: StoredRemote?, _ time: EventTime) {
        lane = Lane(remote, stored: stored, time)
        reader = remote.kind.isReadable ? Reader(remote, time) : nil
    }

    var isReadIdle: Bool { reader?.isIdle ?? true }

    mutating func admit(_ context: inout Context) {
        if lane.wasResumed {
            lane.wasResumed = false
            reader?.resumed(context.time)
        }
        // After every event: rows may have fallen due before their alarm.
        lane.wake(context.time)
        reader?.admitInTurn(&lane, &context)
        lane.admit(&context)
        reader?.admit(&lane, &context)
    }

    mutating func configure(_ remote: Remote, _ context: inout Context) {
        lane.configure(remote, &context)
        if remote.kind.isReadable, reader != nil {
            reader?.configure(remote, context.time)
        } else {
            reader = remote.kind.isReadable ? Reader(remote, context.time) : nil
        }
    }

    mutating func stop(_ context: inout Context) {
        lane.stop(&context)
        reader?.stop()
    }

    /// The remote is not configured any more, or not enabled.
    mutating func retire(_ context: inout Context) {
        lane.retire(&context)
        reader = nil
    }

    /// Times at which something has to be done that no event triggers.
    func alarms(_ time: EventTime) -> [Instant] {
        [lane.alarmAt(time), reader?.alarmAt(gateOpensAt: lane.opensAt(time))].compactMap { $0 }
    }
}
