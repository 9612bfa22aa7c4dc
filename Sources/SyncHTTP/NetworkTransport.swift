import NIOCore
import NIOPosix
import NIOSSL
import SyncCore
import Synchronization

/// ``HTTPTransport`` over channels of swift-nio: HTTP/1.1 (RFC 9112) with connections that are kept, renewed and bounded.
///
/// A call goes out once, with one exception: where a connection that had been used before is closed before the first byte of a
/// response, the call is repeated at once on a fresh one. Every call carries an idempotency key or a timestamp by which the other
/// side recognises it.
package final class NetworkTransport: HTTPTransport {
    /// Two loops serve every remote, each remote on one of them. One per core of the host would ignore the service's CPU quota.
    package static let loops = MultiThreadedEventLoopGroup(numberOfThreads: 2)

    private let limits: HTTPLimits
    private let loop: any EventLoop
    private let connections: NIOLoopBoundBox<Connections>
    private let lastCall = Atomic<UInt64>(0)

    package convenience init(_ limits: HTTPLimits) {
        self.init(limits, pool: ConnectionPool.Limits(limits), trustRoots: nil)
    }

    /// - Parameter trustRoots: nil for those of the system.
    init(_ limits: HTTPLimits, pool: ConnectionPool.Limits, trustRoots: NIOSSLTrustRoots?) {
        self.limits = limits
        loop = NetworkTransport.loops.next()
        connections = .makeBoxSendingValue(Connections(on: loop, limits, pool, trustRoots: trustRoots), eventLoop: loop)
    }

    package func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
        let totalDeadline = NIODeadline.now() + limits.totalTimeout.timeAmount
        let message = try RequestMessage(call)
        let ticket = Connections.Ticket(lastCall.wrappingAdd(1, ordering: .relaxed).newValue)
        let (loop, connections) = (loop, connections)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                loop.execute { connections.value.start(ticket, message, totalDeadline: totalDeadline, continuation) }
            }
        } onCancel: {
            ticket.isCancelled.store(true, ordering: .releasing)
            loop.execute { connections.value.cancel(ticket.call) }
        }
        return try ContentCoding.decoded(result.get(), atMost: limits.maximumResponseSize)
    }

    package func shutdown() async {
        let (loop, connections) = (loop, connections)
        await withCheckedContinuation { continuation in
            loop.execute {
                connections.value.shutDown()
                continuation.resume()
            }
        }
    }
}
