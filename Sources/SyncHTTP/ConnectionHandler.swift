import NIOCore
import NIOSSL
import NIOTLS
import SyncCore

/// The last handler of a connection's pipeline: passes bytes between the channel and a ``ConnectionMachine``, and watches its deadline.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// In bytes. A large call is written in pieces, so that progress can be distinguished from silence.
    private static let pieceSize = 65_536

    let id: ConnectionPool.ConnectionID
    private let owner: Connections
    private var machine: ConnectionMachine
    private let host: String
    /// Provides the peer's certificate; nil without TLS.
    private var security: NIOSSLClientHandler?
    private var context: ChannelHandlerContext?
    private var call: ConnectionPool.CallID?
    /// Whether TCP and TLS are established.
    private var isEstablished: Bool
    /// Whether a response has arrived: then the peer has finished the TLS handshake, too.
    private var isProven = false
    /// Whether the peer may still refuse the TLS handshake (``SecurityReason/refusesHandshake``).
    private var mayBeRefused: Bool { !isProven && security?.tlsVersion == .tlsv13 }
    /// The first failure; the channel closes because of it.
    private var failure: TransportFailure?
    private var timer: (task: Scheduled<Void>, at: NIODeadline)?

    init(
        _ id: ConnectionPool.ConnectionID, owner: Connections, limits: HTTPLimits, host: String, security: NIOSSLClientHandler?
    ) {
        self.id = id
        self.owner = owner
        self.host = host
        self.security = security
        machine = ConnectionMachine(limits)
        isEstablished = security == nil
    }

    // MARK: Requests from the owner

    /// - Returns: false if the connection has ended; then nothing was written.
    func run(_ call: ConnectionPool.CallID, _ message: RequestMessage, isReused: Bool, totalDeadline: NIODeadline) -> Bool {
        guard let context, context.channel.isActive, machine.isIdle, failure == nil else { return false }
        self.call = call
        machine.callStarted(isHead: message.isHead, isReused: isReused, totalDeadline: totalDeadline, now: .now())
        keepDeadline()
        var rest = message.bytes
        while let piece = rest.readSlice(length: min(ConnectionHandler.pieceSize, rest.readableBytes)), piece.readableBytes > 0 {
            let isLast = rest.readableBytes == 0
            context.write(wrapOutboundOut(piece)).assumeIsolated().whenSuccess { [weak self] in
                self?.pieceWritten(of: call, isLast: isLast)
            }
        }
        context.flush()
        return true
    }

    func cancel() {
        act(machine.cancelled())
    }

    func close() {
        context?.close(promise: nil)
    }

    private func pieceWritten(of call: ConnectionPool.CallID, isLast: Bool) {
        guard call == self.call else { return }
        machine.pieceWritten(isLast: isLast, now: .now())
        keepDeadline()
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        security = nil
        timer?.task.cancel()
        timer = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent, !isEstablished {
            isEstablished = true
            owner.connected(id)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        act(machine.received(unwrapInboundIn(data), now: .now()))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard isEstablished else {
            let certificate = security?.peerCertificate.map(PresentedCertificate.init)
            return handshakeFailed(TransportFailure(inHandshake: error, with: host, certificate: certificate), context)
        }
        // Some servers close without TLS's closure alert. If the body ends with the connection, it may have ended here; if it is truncated,
        // it is not valid JSON.
        if case NIOSSLError.uncleanShutdown = error, machine.readsUntilClose { return context.close(promise: nil) }
        if failure == nil { failure = TransportFailure(onConnection: error, with: host, mayBeRefused: mayBeRefused) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isEstablished {
            act(machine.connectionEnded(failure))
            owner.connectionClosed(id)
        } else {
            handshakeFailed(.closedInHandshake, context)
        }
        context.fireChannelInactive()
    }

    /// swift-nio-ssl may report that the connection is closed before it reports the reason, in the same turn of the loop.
    private func handshakeFailed(_ failure: TransportFailure, _ context: ChannelHandlerContext) {
        if failure.kind == .tls { return owner.connectFailed(id, failure) }
        context.eventLoop.assumeIsolated().execute { [owner, id] in owner.connectFailed(id, failure) }
    }

    // MARK: The machine's actions

    private func act(_ action: ConnectionMachine.Action) {
        switch action {
        case .none: keepDeadline()
        case .close:
            owner.connectionClosed(id)
            close()
        case .finish(let end, let keepsConnection):
            guard let call else { preconditionFailure("only a connection that carries a call can finish one") }
            self.call = nil
            if case .reply = end { isProven = true }
            owner.callEnded(call, end, on: id, keepsConnection: keepsConnection)
        }
    }

    /// One timer per connection, replaced only if it would fire too late: a deadline that has moved on is found when it fires.
    private func keepDeadline() {
        guard let context, let deadline = machine.deadline else { return }
        if let timer, timer.at <= deadline { return }
        timer?.task.cancel()
        let task = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            guard let self else { return }
            timer = nil
            act(machine.timePassed(now: .now()))
        }
        timer = (task, deadline)
    }
}
