import NIOCore
import NIOSSL
import SyncCore

/// The connections of one transport with their calls: carries out the decisions of ``ConnectionPool`` and ``ConnectionMachine``. Bound to
/// its event loop: every function is called there.
final class Connections {
    typealias CallID = ConnectionPool.CallID
    typealias ConnectionID = ConnectionPool.ConnectionID

    /// A connection that is being made.
    struct Attempt {
        let deadline: NIODeadline
        /// Ends the attempt at the deadline.
        let timer: Scheduled<Void>
    }

    let loop: any EventLoop
    let limits: HTTPLimits
    let poolLimits: ConnectionPool.Limits
    let trustRoots: NIOSSLTrustRoots?
    let names: NameLookup
    var lastCall: CallID = 0
    var calls: [CallID: Call] = [:]
    /// Calls that ended in this turn of the loop.
    var ended: [(result: Result<HTTPReply, TransportFailure>, completion: Completion)] = []
    var pools: [ConnectionPool] = []
    private(set) var origins: [Origin] = []
    private(set) var handlers: [ConnectionID: ConnectionHandler] = [:]
    var attempts: [ConnectionID: Attempt] = [:]
    /// Created once; reading the system's certificates is slow.
    var tls: EventLoopFuture<NIOSSLContext>?
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?
    private(set) var isShutDown = false

    init(
        on loop: any EventLoop, _ limits: HTTPLimits, _ poolLimits: ConnectionPool.Limits, trustRoots: NIOSSLTrustRoots?,
        resolve: @escaping NameLookup.Resolve
    ) {
        names = NameLookup(on: loop, resolve)
        self.loop = loop
        self.limits = limits
        self.poolLimits = poolLimits
        self.trustRoots = trustRoots
    }

    func shutDown() {
        isShutDown = true
        for call in Array(calls.keys) { endWaiting(of: call, .cancelledUnsent) }
        for call in Array(calls.keys) { cancel(call) }
        for pool in pools.indices { perform(pools[pool].shutDown()) }
        for attempt in attempts.values { attempt.timer.cancel() }
        attempts = [:]
        for handler in Array(handlers.values) { handler.close() }
        handlers = [:]
        timer?.task.cancel()
        timer = nil
    }

    // MARK: Events of the connections

    func connected(_ connection: ConnectionID) {
        attempts.removeValue(forKey: connection)?.timer.cancel()
        // Between three quarters of the longest age and the whole, so that connections that were made together are not renewed together.
        let longest = poolLimits.longestAge.milliseconds
        let age = TimeAmount.milliseconds(longest - Int64.random(in: 0...max(0, longest / 4)))
        perform(pools[connection.pool].connected(connection, age: age, now: .now()))
    }

    func connectFailed(_ connection: ConnectionID, _ failure: TransportFailure) {
        attempts.removeValue(forKey: connection)?.timer.cancel()
        // Closing it causes further errors: the first one is reported.
        perform(pools[connection.pool].connectFailed(connection, failure, now: .now()))
        handlers.removeValue(forKey: connection)?.close()
    }

    func connectionClosed(_ connection: ConnectionID) {
        handlers[connection] = nil
        perform(pools[connection.pool].connectionClosed(connection, now: .now()))
    }

    func callEnded(_ id: CallID, _ end: ConnectionMachine.End, on connection: ConnectionID, keepsConnection: Bool) {
        switch end {
        case .reply(let reply): self.end(id, .success(reply))
        case .failed(let failure): self.end(id, .failure(failure))
        case .closedBeforeResponse(let failure):
            calls[id]?.firstFailure = failure
            calls[id]?.connection = nil
        }
        perform(pools[connection.pool].callFinished(on: connection, keepsConnection: keepsConnection, now: .now()))
        guard case .closedBeforeResponse = end else { return }
        perform(pools[connection.pool].callArrived(id, needsFresh: true, now: .now()))
        limitWaiting(of: id)
    }

    func add(_ handler: ConnectionHandler) {
        handlers[handler.id] = handler
    }

    // MARK: The pools' actions

    func pool(of origin: Origin) -> Int {
        if let number = origins.firstIndex(of: origin) { return number }
        origins.append(origin)
        pools.append(ConnectionPool(number: pools.count, poolLimits))
        return pools.count - 1
    }

    func perform(_ actions: [ConnectionPool.Action]) {
        for action in actions {
            switch action {
            case .connect(let connection): connect(connection)
            case .run(let call, let connection, let isReused): run(call, on: connection, isReused: isReused)
            case .close(let connection): handlers.removeValue(forKey: connection)?.close()
            case .fail(let call, let failure): end(call, .failure(failure))
            }
        }
        keepDeadline()
    }

    private func run(_ id: CallID, on connection: ConnectionID, isReused: Bool) {
        guard let call = calls[id] else { preconditionFailure("a call that the pool knows has not ended") }
        call.timer?.cancel()
        calls[id]?.timer = nil
        calls[id]?.connection = connection
        if handlers[connection]?.run(id, call.message, isReused: isReused, totalDeadline: call.totalDeadline) == true { return }
        let failure = TransportFailure(.connectionRefused, detail: "the connection was closed before the call was written")
        callEnded(id, isReused ? .closedBeforeResponse(failure) : .failed(failure), on: connection, keepsConnection: false)
    }

    private func keepDeadline() {
        guard let deadline = pools.lazy.compactMap(\.deadline).min() else { return }
        if let timer, timer.at <= deadline { return }
        timer?.task.cancel()
        let task = loop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            timer = nil
            for pool in pools.indices { perform(pools[pool].timePassed(now: .now())) }
            keepDeadline()
        }
        timer = (task, deadline)
    }
}
