import NIOCore
import NIOSSL
import SyncCore
import Synchronization

/// The connections of one transport with the calls on them: carries out what ``ConnectionPool`` and ``ConnectionMachine`` decide.
/// Bound to its event loop: every function is called there.
final class Connections {
    typealias CallID = ConnectionPool.CallID
    typealias ConnectionID = ConnectionPool.ConnectionID

    /// A call before it has reached the loop: it may be cancelled from anywhere.
    final class Ticket: Sendable {
        let call: CallID
        let isCancelled = Atomic(false)

        init(_ call: CallID) {
            self.call = call
        }
    }

    private struct Call {
        let message: RequestMessage
        let pool: Int
        let totalDeadline: NIODeadline
        let continuation: CheckedContinuation<Result<HTTPReply, TransportFailure>, Never>
        var connection: ConnectionID?
        /// Ends a call that waits for a connection; one that has a connection is ended there.
        var timer: Scheduled<Void>?
        /// How it went on a connection that was closed before a byte of a response. It is repeated once.
        var unheard: TransportFailure?
    }

    let loop: any EventLoop
    let limits: HTTPLimits
    let poolLimits: ConnectionPool.Limits
    let trustRoots: NIOSSLTrustRoots?
    private var calls: [CallID: Call] = [:]
    private var pools: [ConnectionPool] = []
    private(set) var origins: [Origin] = []
    private var handlers: [ConnectionID: ConnectionHandler] = [:]
    /// Connections on their way, each with the end of its patience.
    var attempts: [ConnectionID: Scheduled<Void>] = [:]
    /// Made once; reading the system's certificates takes a while.
    var tls: EventLoopFuture<NIOSSLContext>?
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?
    private var isShutDown = false

    init(on loop: any EventLoop, _ limits: HTTPLimits, _ poolLimits: ConnectionPool.Limits, trustRoots: NIOSSLTrustRoots?) {
        self.loop = loop
        self.limits = limits
        self.poolLimits = poolLimits
        self.trustRoots = trustRoots
    }

    // MARK: Calls

    func start(
        _ ticket: Ticket, _ message: RequestMessage, totalDeadline: NIODeadline,
        _ continuation: CheckedContinuation<Result<HTTPReply, TransportFailure>, Never>
    ) {
        guard !isShutDown, !ticket.isCancelled.load(ordering: .acquiring) else {
            return continuation.resume(returning: .failure(.cancelled))
        }
        let pool = pool(of: message.origin)
        calls[ticket.call] = Call(message: message, pool: pool, totalDeadline: totalDeadline, continuation: continuation)
        perform(pools[pool].callArrived(ticket.call, now: .now()))
        limitWaiting(of: ticket.call)
    }

    func cancel(_ call: CallID) {
        endWaiting(of: call, .cancelled)
        if let connection = calls[call]?.connection { handlers[connection]?.cancel() }
    }

    func shutDown() {
        isShutDown = true
        for call in Array(calls.keys) { endWaiting(of: call, .cancelled) }
        for call in Array(calls.keys) { cancel(call) }
        for pool in pools.indices { perform(pools[pool].shutDown()) }
        for attempt in attempts.values { attempt.cancel() }
        attempts = [:]
        for handler in Array(handlers.values) { handler.close() }
        handlers = [:]
        timer?.task.cancel()
        timer = nil
    }

    /// A call that waits for a connection, or for one to be made, ends with its total timeout at the latest.
    private func limitWaiting(of call: CallID) {
        guard let waiting = calls[call], waiting.connection == nil else { return }
        calls[call]?.timer = loop.assumeIsolated().scheduleTask(deadline: waiting.totalDeadline) { [self] in
            endWaiting(of: call, TransportFailure(.connectTimeout, detail: "no free connection within the total timeout"))
        }
    }

    private func endWaiting(of call: CallID, _ failure: TransportFailure) {
        guard let waiting = calls[call], waiting.connection == nil else { return }
        pools[waiting.pool].callGone(call)
        end(call, .failure(failure))
    }

    private func end(_ id: CallID, _ result: Result<HTTPReply, TransportFailure>) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.timer?.cancel()
        // Where the first attempt may have arrived, a second one that did not changes nothing.
        if let unheard = call.unheard, unheard.mayHaveBeenApplied, case .failure(let failure) = result, !failure.mayHaveBeenApplied {
            return call.continuation.resume(returning: .failure(unheard))
        }
        call.continuation.resume(returning: result)
    }

    // MARK: What comes from the connections

    func connected(_ connection: ConnectionID) {
        attempts.removeValue(forKey: connection)?.cancel()
        // Between three quarters and the whole: connections that were made together are not renewed together.
        let longest = poolLimits.longestAge.milliseconds
        let age = TimeAmount.milliseconds(longest - Int64.random(in: 0...max(0, longest / 4)))
        perform(pools[connection.pool].connected(connection, age: age, now: .now()))
    }

    func connectFailed(_ connection: ConnectionID, _ failure: TransportFailure) {
        attempts.removeValue(forKey: connection)?.cancel()
        // Closing it brings further errors: the first one is the reason.
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
        case .closedUnheard(let failure):
            calls[id]?.unheard = failure
            calls[id]?.connection = nil
        }
        perform(pools[connection.pool].callFinished(on: connection, keepsConnection: keepsConnection, now: .now()))
        guard case .closedUnheard = end else { return }
        perform(pools[connection.pool].callArrived(id, needsFresh: true, now: .now()))
        limitWaiting(of: id)
    }

    func add(_ handler: ConnectionHandler) {
        handlers[handler.id] = handler
    }

    // MARK: What the pool says

    private func pool(of origin: Origin) -> Int {
        if let number = origins.firstIndex(of: origin) { return number }
        origins.append(origin)
        pools.append(ConnectionPool(number: pools.count, poolLimits))
        return pools.count - 1
    }

    private func perform(_ actions: [ConnectionPool.Action]) {
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
        callEnded(id, isReused ? .closedUnheard(failure) : .failed(failure), on: connection, keepsConnection: false)
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
