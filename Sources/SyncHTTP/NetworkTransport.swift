import NIOCore
import NIOPosix
import NIOSSL
import SyncCore

/// ``HTTPTransport`` over channels of swift-nio: HTTP/1.1 (RFC 9112) with connections that are kept alive, renewed and limited in number.
///
/// A call is sent once, with one exception: if a connection that had been used before is closed before the first byte of a response, the
/// call is repeated immediately on a new one. Every call carries an idempotency key or a timestamp by which the remote recognises a
/// repetition.
///
/// Everything happens on one event loop. Code that runs there uses ``start(_:_:)`` and ``cancel(_:)``, which need neither a task nor a
/// change of threads; ``send(_:)`` does the same for other callers.
package final class NetworkTransport: HTTPTransport {
    /// A call that was started.
    package struct CallHandle: Hashable, Sendable {
        fileprivate let call: ConnectionPool.CallID
    }

    /// The state of a call of ``send(_:)``, for when its task is cancelled.
    private enum Progress {
        case notStarted
        case started(CallHandle)
        case cancelled
    }

    /// Two loops serve every remote, each remote on one of them. One per core of the host would ignore the service's CPU quota.
    package static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    /// The loop of the connections, on which completions are called.
    package let loop: any EventLoop
    private let limits: HTTPLimits
    private let connections: NIOLoopBoundBox<Connections>

    /// - Parameter loop: of a `MultiThreadedEventLoopGroup`. Several transports may share one.
    package convenience init(_ limits: HTTPLimits, on loop: any EventLoop = loops.next()) {
        self.init(limits, on: loop, pool: ConnectionPool.Limits(limits))
    }

    /// - Parameter trustRoots: nil for those of the system.
    init(
        _ limits: HTTPLimits, on loop: any EventLoop = loops.next(), pool: ConnectionPool.Limits, trustRoots: NIOSSLTrustRoots? = nil,
        resolve: @escaping NameLookup.Resolve = NameLookup.system
    ) {
        self.limits = limits
        self.loop = loop
        connections = .makeBoxSendingValue(
            Connections(on: loop, limits, pool, trustRoots: trustRoots, resolve: resolve), eventLoop: loop)
    }

    // MARK: On the event loop

    /// Starts a call. Only on ``loop``.
    ///
    /// - Parameter completion: called exactly once, on ``loop``, and never from within a function of this type. The response is the same as
    ///   that of ``send(_:)``.
    package func start(_ call: HTTPCall, _ completion: @escaping (Result<HTTPReply, TransportFailure>) -> Void) -> CallHandle {
        start(call, totalDeadline: .now() + limits.totalTimeout.timeAmount, completion)
    }

    package func start(
        _ call: HTTPCall, on loop: any EventLoop, _ completion: @escaping (Result<HTTPReply, TransportFailure>) -> Void
    ) -> () -> Void {
        precondition(loop === self.loop, "a call is started on the loop that its connections live on")
        let handle = start(call, completion)
        return { self.cancel(handle) }
    }

    /// Ends a call: its completion gets ``TransportFailure/Kind/cancelled``, or a response that arrived before. Has no effect on a call
    /// that has ended. Only on ``loop``.
    package func cancel(_ handle: CallHandle) {
        connections.value.cancel(handle.call)
    }

    /// Closes all connections and cancels their calls; no further call is made. Only on ``loop``.
    package func shutDown() {
        connections.value.shutDown()
    }

    private func start(
        _ call: HTTPCall, totalDeadline: NIODeadline, _ completion: @escaping (Result<HTTPReply, TransportFailure>) -> Void
    ) -> CallHandle {
        CallHandle(call: connections.value.start(call, totalDeadline: totalDeadline, completion))
    }

    // MARK: From anywhere

    package func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
        let totalDeadline = NIODeadline.now() + limits.totalTimeout.timeAmount
        let progress = NIOLoopBoundBox.makeBoxSendingValue(Progress.notStarted, eventLoop: loop)
        let result: Result<HTTPReply, TransportFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.execute { [self] in
                    guard case .notStarted = progress.value else { return continuation.resume(returning: .failure(.cancelledUnsent)) }
                    progress.value = .started(start(call, totalDeadline: totalDeadline) { continuation.resume(returning: $0) })
                }
            }
        } onCancel: {
            loop.execute { [self] in
                if case .started(let handle) = progress.value { return cancel(handle) }
                progress.value = .cancelled
            }
        }
        return try result.get()
    }

    package func shutdown() async {
        await withCheckedContinuation { continuation in
            loop.execute { [self] in
                shutDown()
                // After the completions of the calls that it has ended.
                loop.execute { continuation.resume() }
            }
        }
    }
}
