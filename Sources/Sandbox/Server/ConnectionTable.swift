import NIOCore
import Synchronization

/// The open connections, through which a waiting request is notified when its client disconnects.
final class ConnectionTable: Sendable {
    private let connections = Mutex<[ObjectIdentifier: Connection]>([:])

    /// The connection of a channel; a new, closed one if the channel is gone already.
    func connection(of channel: any Channel) -> Connection {
        connections.withLock { $0[ObjectIdentifier(channel)] } ?? Connection(isClosed: true)
    }

    fileprivate func add(_ channel: any Channel) {
        connections.withLock { $0[ObjectIdentifier(channel)] = Connection(isClosed: false) }
    }

    fileprivate func remove(_ channel: any Channel) {
        connections.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }?.close()
    }
}

/// One connection: whether it is closed, and the request that waits on it.
final class Connection: Sendable {
    enum WaitResult: Sendable {
        case elapsed
        case disconnected
    }

    private struct State: Sendable {
        var isClosed: Bool
        var waiter: CheckedContinuation<WaitResult, Never>?
    }

    private let state: Mutex<State>

    init(isClosed: Bool) {
        self.state = Mutex(State(isClosed: isClosed))
    }

    /// Waits on the channel's event loop; returns early when the connection is closed from either side.
    func wait(milliseconds: Int, on eventLoop: any EventLoop) async -> WaitResult {
        var alarm: Scheduled<Void>?
        defer { alarm?.cancel() }
        return await withCheckedContinuation { continuation in
            let isClosed = state.withLock { state in
                if !state.isClosed { state.waiter = continuation }
                return state.isClosed
            }
            if isClosed { return continuation.resume(returning: .disconnected) }
            alarm = eventLoop.scheduleTask(in: .milliseconds(Int64(milliseconds))) { self.resume(.elapsed) }
        }
    }

    private func resume(_ result: WaitResult) {
        state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }?.resume(returning: result)
    }

    fileprivate func close() {
        state.withLock { $0.isClosed = true }
        resume(.disconnected)
    }
}

/// Watches one connection. A client that closes its side is treated as gone, because HTTP/1.1 clients do not half-close.
final class ConnectionWatcher: ChannelInboundHandler, RemovableChannelHandler, Sendable {
    typealias InboundIn = NIOAny

    private let table: ConnectionTable

    init(table: ConnectionTable) {
        self.table = table
    }

    func handlerAdded(context: ChannelHandlerContext) {
        table.add(context.channel)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        table.remove(context.channel)
    }

    func channelInactive(context: ChannelHandlerContext) {
        table.remove(context.channel)
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { context.close(promise: nil) }
    }
}
