import NIOCore
import SyncCore

/// Which connection carries which call: the connections to one origin and the calls that wait for one.
///
///     ──connect──▶ connecting ──connected──▶ busy ◀──▶ idle ──too long idle, too old, closed──▶ gone
///                      └──failed──▶ gone       └──not reusable, too old──▶ gone
///
/// Invariants: at most ``Limits/connections`` are open or on their way; a call that waits has a connection on its way, or there is
/// no room for one; nobody waits while a connection is idle that would do. A connection that fails on its way ends the call that it
/// was made for. Time comes in as a parameter.
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
        /// Shorter than the keep-alive of common servers: a connection that both sides give up at once costs a repetition.
        var longestIdle = Duration.seconds(20)
        /// No new call begins on a connection that is older, so that a host name that moves is followed.
        var longestAge = Duration.minutes(3)

        init(connections: Int) {
            self.connections = connections
        }
    }

    private struct Waiting {
        let call: CallID
        let needsFresh: Bool
        /// Made for this call, which may be given another one first.
        var connection: ConnectionID?
    }

    private struct Idle {
        let connection: ConnectionID
        let until: NIODeadline
    }

    private let number: Int
    private let limits: Limits
    private var lastConnection = 0
    private var waiting: [Waiting] = []
    private var connecting: Set<ConnectionID> = []
    /// Of the connections that are open: when they are too old.
    private var renewals: [ConnectionID: NIODeadline] = [:]
    /// The most recently used one last.
    private var idle: [Idle] = []

    init(number: Int, _ limits: Limits) {
        self.number = number
        self.limits = limits
    }

    /// When ``timePassed(now:)`` has something to do.
    var deadline: NIODeadline? { idle.lazy.map(\.until).min() }

    /// - Parameter needsFresh: whether only a connection will do that has never been used.
    mutating func callArrived(_ call: CallID, needsFresh: Bool = false, now: NIODeadline) -> [Action] {
        var actions = timePassed(now: now)
        if !needsFresh, let connection = idle.popLast()?.connection {
            actions.append(.run(call, on: connection, isReused: true))
            return actions
        }
        waiting.append(Waiting(call: call, needsFresh: needsFresh))
        return actions + connectForWaiting()
    }

    /// - Parameter age: how old the connection may become. Drawn for each, so that they are not all renewed at the same time.
    mutating func connected(_ connection: ConnectionID, age: TimeAmount, now: NIODeadline) -> [Action] {
        guard connecting.remove(connection) != nil else { return [.close(connection)] }
        renewals[connection] = now + age
        guard let index = waiting.firstIndex(where: { $0.connection == connection }) else {
            return becameFree(connection, isReused: false, now: now)
        }
        return [.run(waiting.remove(at: index).call, on: connection, isReused: false)]
    }

    mutating func connectFailed(_ connection: ConnectionID, _ failure: TransportFailure) -> [Action] {
        guard connecting.remove(connection) != nil else { return [] }
        var actions: [Action] = []
        if let index = waiting.firstIndex(where: { $0.connection == connection }) {
            actions.append(.fail(waiting.remove(at: index).call, failure))
        }
        return actions + connectForWaiting()
    }

    mutating func callFinished(on connection: ConnectionID, keepsConnection: Bool, now: NIODeadline) -> [Action] {
        guard let renewal = renewals[connection] else { return [] }
        guard keepsConnection, now < renewal else {
            renewals[connection] = nil
            return [.close(connection)] + connectForWaiting()
        }
        return becameFree(connection, isReused: true, now: now)
    }

    /// By the other side, or because something went wrong.
    mutating func connectionClosed(_ connection: ConnectionID) -> [Action] {
        guard renewals.removeValue(forKey: connection) != nil else { return [] }
        idle.removeAll { $0.connection == connection }
        return connectForWaiting()
    }

    /// A call that waits was cancelled or has run out of time. The connection that was made for it serves others.
    mutating func callGone(_ call: CallID) {
        waiting.removeAll { $0.call == call }
    }

    /// Closes what has been idle for too long or is too old.
    mutating func timePassed(now: NIODeadline) -> [Action] {
        guard let deadline, deadline <= now else { return [] }
        let over = idle.filter { $0.until <= now }.map(\.connection)
        idle.removeAll { $0.until <= now }
        for connection in over { renewals[connection] = nil }
        return over.map(Action.close)
    }

    /// Nothing is left afterwards. What is on its way is closed when it arrives.
    mutating func shutDown() -> [Action] {
        let actions = waiting.map { Action.fail($0.call, .cancelled) } + renewals.keys.map(Action.close)
        self = ConnectionPool(number: number, Limits(connections: 0))
        return actions
    }

    private mutating func becameFree(_ connection: ConnectionID, isReused: Bool, now: NIODeadline) -> [Action] {
        if let index = waiting.firstIndex(where: { !$0.needsFresh }) {
            return [.run(waiting.remove(at: index).call, on: connection, isReused: isReused)]
        }
        let until = now + limits.longestIdle.timeAmount
        idle.append(Idle(connection: connection, until: min(until, renewals[connection] ?? until)))
        return connectForWaiting()
    }

    private mutating func connectForWaiting() -> [Action] {
        var actions: [Action] = []
        for index in waiting.indices where waiting[index].connection == nil {
            if renewals.count + connecting.count >= limits.connections {
                // An idle connection stays only where nobody needs another one.
                guard !idle.isEmpty else { break }
                let oldest = idle.removeFirst().connection
                renewals[oldest] = nil
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
