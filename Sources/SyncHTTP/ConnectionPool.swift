import NIOCore
import SyncCore

/// Assigns calls to connections: the connections to one origin, and the calls that wait for one.
///
///     ──connect──▶ connecting ──connected──▶ busy ◀──▶ idle ──too long idle, too old, closed──▶ gone
///                      └──failed──▶ gone       └──not reusable, too old──▶ gone
///
/// The wait of a call for a connection ends in one of these ways:
///
/// | event | the call |
/// |---|---|
/// | a connection is open and free | runs on it, even if another one is being made for it |
/// | the attempt that was made for it succeeds | runs on that connection |
/// | the attempt that was made for it fails | fails for the same reason |
/// | another attempt fails | keeps waiting, and uses the freed slot if it had none |
/// | no connection has been open for the connect timeout since it arrived | fails: no connection in time |
/// | it is cancelled, or its total timeout has passed | is removed (``callGone(_:)``) |
///
/// So if no connection can be made, every call fails after its own connect timeout, however many there are. While a connection is open, a
/// call that has no slot for an attempt waits for it.
///
/// Invariants: at most ``Limits/connections`` are open or being made; for a waiting call a connection is being made, or there is no slot
/// for one; no call waits while there is an idle connection that it may use. Time is a parameter.
struct ConnectionPool {
    struct ConnectionID: Hashable, Sendable {
        let pool: Int
        let number: Int
    }

    typealias CallID = UInt64

    enum Action: Equatable {
        case connect(ConnectionID)
        case run(CallID, on: ConnectionID, isReused: Bool)
        case close(ConnectionID)
        case fail(CallID, TransportFailure)
    }

    struct Limits: Equatable, Sendable {
        var connections: Int
        /// How long a call waits if no connection is open.
        var connectTimeout: Duration
        /// Shorter than the keep-alive of common servers: if both sides close a connection at the same time, a call has to be repeated.
        var longestIdle = Duration.seconds(20)
        /// No new call begins on an older connection, so that a host name that moves is followed.
        var longestAge = Duration.minutes(3)

        init(_ limits: HTTPLimits) {
            connections = limits.connections
            connectTimeout = limits.connectTimeout
        }
    }

    private struct Waiting {
        let call: CallID
        let needsFresh: Bool
        let arrivedAt: NIODeadline
        /// The connection made for this call; another one may become available first.
        var connection: ConnectionID?
    }

    private struct Idle {
        let connection: ConnectionID
        let until: NIODeadline
    }

    private let number: Int
    private var limits: Limits
    private var lastConnection = 0
    /// In order of arrival.
    private var waiting: [Waiting] = []
    private var connecting: Set<ConnectionID> = []
    /// The time at which each open connection becomes too old.
    private var renewals: [ConnectionID: NIODeadline] = [:]
    /// When the last open connection was closed; meaningless while one is open.
    private var noneOpenSince = NIODeadline.distantPast
    /// The most recently used one last.
    private var idle: [Idle] = []

    init(number: Int, _ limits: Limits) {
        self.number = number
        self.limits = limits
    }

    /// When ``timePassed(now:)`` has to be called.
    var deadline: NIODeadline? { renewals.isEmpty ? waiting.first.map(endOfWait) : idle.lazy.map(\.until).min() }

    /// When the call has waited too long, unless a connection is opened before.
    private func endOfWait(_ call: Waiting) -> NIODeadline {
        max(call.arrivedAt, noneOpenSince) + limits.connectTimeout.timeAmount
    }

    /// - Parameter needsFresh: whether the call needs a connection that was never used.
    mutating func callArrived(_ call: CallID, needsFresh: Bool = false, now: NIODeadline) -> [Action] {
        var actions = timePassed(now: now)
        if !needsFresh, let connection = idle.popLast()?.connection {
            actions.append(.run(call, on: connection, isReused: true))
            return actions
        }
        waiting.append(Waiting(call: call, needsFresh: needsFresh, arrivedAt: now))
        return actions + connectForWaiting(now: now)
    }

    /// - Parameter age: how old the connection may become. Random for each, so that they are not all renewed at the same time.
    mutating func connected(_ connection: ConnectionID, age: TimeAmount, now: NIODeadline) -> [Action] {
        guard connecting.remove(connection) != nil else { return [.close(connection)] }
        renewals[connection] = now + age
        guard let index = waiting.firstIndex(where: { $0.connection == connection }) else {
            return becameFree(connection, isReused: false, now: now)
        }
        return [.run(waiting.remove(at: index).call, on: connection, isReused: false)]
    }

    mutating func connectFailed(_ connection: ConnectionID, _ failure: TransportFailure, now: NIODeadline) -> [Action] {
        guard connecting.remove(connection) != nil else { return [] }
        var actions: [Action] = []
        if let index = waiting.firstIndex(where: { $0.connection == connection }) {
            actions.append(.fail(waiting.remove(at: index).call, failure))
        }
        return actions + timePassed(now: now) + connectForWaiting(now: now)
    }

    mutating func callFinished(on connection: ConnectionID, keepsConnection: Bool, now: NIODeadline) -> [Action] {
        guard let renewal = renewals[connection] else { return [] }
        guard keepsConnection, now < renewal else {
            removeOpen(connection, now: now)
            return [.close(connection)] + connectForWaiting(now: now)
        }
        return becameFree(connection, isReused: true, now: now)
    }

    /// The connection was closed by the peer, or because of a failure.
    mutating func connectionClosed(_ connection: ConnectionID, now: NIODeadline) -> [Action] {
        guard renewals[connection] != nil else { return [] }
        idle.removeAll { $0.connection == connection }
        removeOpen(connection, now: now)
        return connectForWaiting(now: now)
    }

    /// A waiting call was cancelled or has run out of time. The connection that was being made for it serves other calls.
    mutating func callGone(_ call: CallID) {
        waiting.removeAll { $0.call == call }
    }

    /// Closes connections that have been idle for too long or are too old, and ends calls that have waited for too long.
    mutating func timePassed(now: NIODeadline) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        if renewals.isEmpty {
            let over = waiting.prefix { endOfWait($0) <= now }
            waiting.removeFirst(over.count)
            return over.map { .fail($0.call, .noConnectionInTime) }
        }
        let over = idle.filter { $0.until <= now }.map(\.connection)
        idle.removeAll { $0.until <= now }
        for connection in over { removeOpen(connection, now: now) }
        return over.map(Action.close)
    }

    /// Ends all calls and closes all connections. A connection that is being made is closed when it is established.
    mutating func shutDown() -> [Action] {
        let actions = waiting.map { Action.fail($0.call, .cancelledUnsent) } + renewals.keys.map(Action.close)
        limits.connections = 0
        self = ConnectionPool(number: number, limits)
        return actions
    }

    private mutating func removeOpen(_ connection: ConnectionID, now: NIODeadline) {
        renewals[connection] = nil
        if renewals.isEmpty { noneOpenSince = now }
    }

    private mutating func becameFree(_ connection: ConnectionID, isReused: Bool, now: NIODeadline) -> [Action] {
        if let index = waiting.firstIndex(where: { !$0.needsFresh }) {
            return [.run(waiting.remove(at: index).call, on: connection, isReused: isReused)]
        }
        let until = now + limits.longestIdle.timeAmount
        idle.append(Idle(connection: connection, until: min(until, renewals[connection] ?? until)))
        return connectForWaiting(now: now)
    }

    private mutating func connectForWaiting(now: NIODeadline) -> [Action] {
        var actions: [Action] = []
        for index in waiting.indices where waiting[index].connection == nil {
            if renewals.count + connecting.count >= limits.connections {
                // An idle connection is closed for a call that needs a fresh one.
                guard !idle.isEmpty else { break }
                let oldest = idle.removeFirst().connection
                removeOpen(oldest, now: now)
                actions.append(.close(oldest))
            }
            lastConnection += 1
            let connection = ConnectionID(pool: number, number: lastConnection)
            connecting.insert(connection)
            waiting[index].connection = connection
            actions.append(.connect(connection))
        }
        return actions
    }
}
