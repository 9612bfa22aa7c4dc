import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Applies a ``RequestDeadline`` to one connection. Runs on the connection's event loop.
final class RequestDeadlineHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private var deadline: RequestDeadline
    private var alarm: Scheduled<Void>?
    private var answerCloses = false

    private let connections: OpenConnections

    init(_ limits: RequestDeadline.Limits, _ connections: OpenConnections) {
        deadline = RequestDeadline(limits)
        self.connections = connections
    }

    func handlerAdded(context: ChannelHandlerContext) {
        connections.opened(context.channel)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        connections.closed(context.channel)
        alarm?.cancel()
        alarm = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: carryOut(deadline.headRead(), context)
        case .body: break
        case .end: carryOut(deadline.endRead(), context)
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head):
            answerCloses = head.headerFields[.connection] == "close"
            context.write(data, promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            context.writeAndFlush(data, promise: promise)
            carryOut(deadline.answered(closing: answerCloses), context)
        }
    }

    private func carryOut(_ action: RequestDeadline.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .none:
            break
        case .setAlarm(let span):
            alarm?.cancel()
            alarm = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(span.milliseconds)) {
                self.alarm = nil
                self.carryOut(self.deadline.alarmRang(), context)
            }
        case .cancelAlarm:
            alarm?.cancel()
            alarm = nil
        case .close:
            context.close(promise: nil)
        case .answerTimeoutAndClose:
            let head = HTTPResponse(status: .requestTimeout, headerFields: [.connection: "close", .contentLength: "0"])
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            context.close(promise: nil)
        }
    }
}
