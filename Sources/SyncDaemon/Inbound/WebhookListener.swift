import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import SyncCore
import SyncRemotes
import SyncSystem
import Synchronization

/// Listens for the webhook calls of all remotes on one address.
///
/// A call is verified and stored, and then gets its response; it is processed by the next run. So a response with status 200 means that the events
/// are stored, and it is fast. Without a response, the events may or may not be stored: senders repeat them, and repetitions are recognised.
package final class WebhookListener: Sendable {
    /// Limits of a connection. The defaults allow for slow senders and a database that is busy for a while.
    package struct Limits: Sendable {
        /// Above this, the oldest one without a verified call is closed. If all have made one, further connections wait in the system's queue.
        package var connections = 64
        /// In bytes.
        package var headers = 16 << 10
        /// The time without a request, or within an incomplete head.
        package var idle = Duration.seconds(30)
        /// From the head of a request to its response. Longer than `Store.busyTimeout`; vg gives up after 60 s (docs/remotes/vg.md).
        package var request = Duration.seconds(20)
        /// For the rest of a request that was refused unread.
        package var linger = Duration.seconds(2)
        /// How long a stop waits for calls in progress.
        package var stop = Duration.seconds(3)

        package init() {}
    }

    /// Connections that are being closed to make room, which still count until they are closed.
    private static let closing = 16

    /// With the port that the system chose.
    package let address: ListenAddress
    private let group: MultiThreadedEventLoopGroup
    private let server: Server<HTTP1Channel>
    private let responder: WebhookResponder
    private let rejections: RejectionLog
    private let limits: Limits
    private let serving: Task<Void, any Error>
    /// The identity of the socket file that this listener created.
    private let socketIdentity: FileIdentity?
    private let isStopping = Mutex(false)

    package var port: Int? {
        if case .tcp(_, let port) = address { return port }
        return nil
    }

    /// Starts listening; returns when connections are accepted.
    ///
    /// - Parameters:
    ///   - former: where this process listens already; it goes on until the new listener is adopted.
    ///   - receive: stores the events of a remote, and returns how many were new.
    /// - Throws: a ``ConfigurationError`` with the reason why the address cannot be used, and what to do.
    package static func start(
        _ settings: ListenSettings, routes: [WebhookRoute], limits: Limits = Limits(), beside former: ListenAddress? = nil,
        receive: @escaping @Sendable ([Notice], String) async throws -> Int, log: EventLog,
        now: @escaping @Sendable () -> Instant = SystemClock.now
    ) async throws(ConfigurationError) -> WebhookListener {
        do {
            // Checked first, because the server replaces any socket at the path.
            if case .unix(let path) = settings.address { try UnixSocketFile.makeRoom(at: path) }
        } catch {
            throw ListenProblem.error(settings.address, error)
        }
        // Verification and reading run on a queue of their own, so one loop is enough for thousands of calls a second.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let rejections = RejectionLog(log: log, now: now, eventLoop: group.next())
        let responder = WebhookResponder(
            settings, routes: routes, receive: receive, rejections: rejections, log: log, now: now)
        let (ports, announcement) = AsyncThrowingStream.makeStream(of: Int?.self)
        let server = makeServer(settings.address, limits, responder: responder, group: group, announcement: announcement)
        let serving = Task {
            do {
                try await server.run()
                announcement.finish(throwing: CancellationError())
            } catch {
                announcement.finish(throwing: error)
                throw error
            }
        }
        do {
            var iterator = ports.makeAsyncIterator()
            guard let port = try await iterator.next() else { throw CancellationError() }
            let listener = WebhookListener(
                settings.address.with(port: port), group: group, server: server, responder: responder, rejections: rejections,
                limits: limits, serving: serving)
            listener.watch(log)
            return listener
        } catch {
            serving.cancel()
            _ = await serving.result
            // Shutting the group down fails only if it was shut down before.
            try? await group.shutdownGracefully()
            throw ListenProblem.error(settings.address, error, beside: former)
        }
    }

    private init(
        _ address: ListenAddress, group: MultiThreadedEventLoopGroup, server: Server<HTTP1Channel>, responder: WebhookResponder,
        rejections: RejectionLog, limits: Limits, serving: Task<Void, any Error>
    ) {
        self.address = address
        self.group = group
        self.server = server
        self.responder = responder
        self.rejections = rejections
        self.limits = limits
        self.serving = serving
        if case .unix(let path) = address { socketIdentity = UnixSocketFile.identity(of: path) } else { socketIdentity = nil }
    }

    private static func makeServer(
        _ address: ListenAddress, _ limits: Limits, responder: WebhookResponder, group: MultiThreadedEventLoopGroup,
        announcement: AsyncThrowingStream<Int?, any Error>.Continuation
    ) -> Server<HTTP1Channel> {
        let silent = Logger(label: "convosync.listen", factory: { _ in SwiftLogNoOpLogHandler() })
        let deadline = RequestDeadline.Limits(request: limits.request, linger: limits.linger)
        let connections = OpenConnections(room: limits.connections)
        let channel = HTTP1Channel(
            responder: { request, writer, channel in
                try await responder.respond(to: request, writer: writer) { connections.verified(channel) }
            },
            configuration: .init(
                additionalChannelHandlers: [RequestDeadlineHandler(deadline, connections)],
                idleTimeout: .milliseconds(limits.idle.milliseconds),
                httpDecoderConfiguration: .init(maxHeaderFieldSize: limits.headers, maxHeaderListSize: limits.headers)))
        let bind: BindAddress =
            switch address {
            case .tcp(let host, let port): .hostname(host, port: port)
            case .unix(let path): .unixDomainSocket(path: path)
            }
        return Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(
                address: bind, availableConnectionsDelegate: .maximum(limits.connections + WebhookListener.closing, logger: silent)),
            onServerRunning: { channel in announcement.yield(channel.localAddress?.port) }, eventLoopGroup: group, logger: silent)
    }

    /// Puts other routes, secrets and limits into effect without closing the address.
    package func update(_ settings: ListenSettings, routes: [WebhookRoute]) {
        responder.update(settings, routes: routes)
    }

    /// Continues with the secrets of the former listener that are still accepted.
    func takeOver(_ former: WebhookListener) {
        responder.takeOver(former.responder)
    }

    /// Puts another secret into effect; the previous one is accepted for ``WebhookSecrets/grace``.
    package func replaceSecret(of remote: String, with secret: WebhookSecret) {
        responder.replaceSecret(of: remote, with: secret)
    }

    /// Accepts no more calls; calls in progress get their responses within `limits.stop`. Returns when every connection is closed.
    package func stop() async {
        guard
            isStopping.withLock({ isStopping in
                defer { isStopping = true }
                return !isStopping
            })
        else { return }
        // Before another program can create a file at the address.
        if case .unix(let path) = address { UnixSocketFile.remove(path, of: socketIdentity) }
        let force = group.next().scheduleTask(in: .milliseconds(limits.stop.milliseconds)) { [serving] in serving.cancel() }
        // This fails if the server has ended by itself, which `watch` has logged.
        try? await server.shutdownGracefully()
        _ = await serving.result
        force.cancel()
        rejections.flush()
        // See above.
        try? await group.shutdownGracefully()
    }

    /// Logs when the server ends without having been stopped.
    private func watch(_ log: EventLog) {
        Task { [weak self, serving, address] in
            let result = await serving.result
            guard let self, !self.isStopping.withLock({ $0 }) else { return }
            let reason =
                switch result {
                case .success: "it ended by itself"
                case .failure(let error): "\(error)"
                }
            log.write(ListenProblem.event(address, reason))
        }
    }
}
