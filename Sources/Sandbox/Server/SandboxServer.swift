import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// The four remote systems, simulated in this process and reachable over HTTP.
///
/// ```swift
/// let sandbox = try await SandboxServer.start()
/// let url = sandbox.url(of: "vg")            // http://127.0.0.1:PORT/vg
/// try sandbox.world.setFaults([FaultRule(.dropAfter, times: 1)], on: "vg")
/// …
/// await sandbox.stop()
/// ```
package struct SandboxServer: Sendable {
    /// State, request record, faults and options, without HTTP.
    package let world: SandboxWorld
    package let port: Int
    private let host: String
    private let group: MultiThreadedEventLoopGroup
    private let serving: Task<Void, Never>
    private let webhooks: WebhookSender

    /// Starts listening; returns when connections are accepted.
    package static func start(_ configuration: SandboxConfiguration = SandboxConfiguration()) async throws -> SandboxServer {
        let recorder = try configuration.recordFile.map { try RecordFile(path: $0) }
        let model = SimulatedWorld(token: configuration.token, recordLimit: configuration.recordLimit, seed: configuration.seed)
        let world = SandboxWorld(model, recorder: recorder)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, configuration.threads))
        let webhooks = WebhookSender(on: group.next())
        let (ports, announcement) = AsyncThrowingStream.makeStream(of: Int.self)
        let server = makeServer(configuration, world: world, webhooks: webhooks, group: group, announcement: announcement)
        let serving = Task {
            do {
                try await server.run()
                announcement.finish()
            } catch {
                announcement.finish(throwing: error)
            }
        }
        do {
            for try await port in ports {
                return SandboxServer(
                    world: world, port: port, host: configuration.host, group: group, serving: serving, webhooks: webhooks)
            }
            throw CancellationError()
        } catch {
            serving.cancel()
            await webhooks.stop()
            // The error of the start is the one to report.
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func makeServer(
        _ configuration: SandboxConfiguration,
        world: SandboxWorld,
        webhooks: WebhookSender,
        group: MultiThreadedEventLoopGroup,
        announcement: AsyncThrowingStream<Int, any Error>.Continuation
    ) -> Server<HTTP1Channel> {
        let connections = ConnectionTable()
        let control = ControlInterface(world: world, webhooks: webhooks)
        let responder = SandboxResponder(world: world, control: control, connections: connections, webhooks: webhooks)
        let channel = HTTP1Channel(
            responder: { request, writer, channel in
                try await responder.respond(to: request, writer: writer, channel: channel)
            },
            configuration: .init(additionalChannelHandlers: [ConnectionWatcher(table: connections)])
        )
        return Server(
            childChannelSetup: channel,
            configuration: ServerConfiguration(address: .hostname(configuration.host, port: configuration.port), backlog: 1024),
            onServerRunning: { channel in announcement.yield(channel.localAddress?.port ?? configuration.port) },
            eventLoopGroup: group,
            logger: Logger(label: "sandbox", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    /// `http://127.0.0.1:PORT`
    package var url: String {
        host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }

    /// The url to configure for an instance: the name of a kind, or one with a suffix such as `vg-eu`.
    package func url(of instance: String) -> String {
        "\(url)/\(SimulatedKind.pathSegment(of: instance))"
    }

    /// Performs an act of a user inside a system, like the control call `act`; its events are sent to the instance's webhook.
    package func act(_ description: SandboxJSON, on instance: String) throws(ControlRefusal) {
        webhooks.enqueue(try world.act(description, on: instance).calls)
    }

    /// Closes all connections, including hanging ones, and returns when nothing runs any more.
    package func stop() async {
        serving.cancel()
        await serving.value
        await webhooks.stop()
        await world.recorder?.flush()
        // Nothing runs on the loops any more.
        try? await group.shutdownGracefully()
    }
}
