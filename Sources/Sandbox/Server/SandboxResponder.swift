import HTTPTypes
import HummingbirdCore
import NIOCore

/// Responds to the requests of all connections: control calls through ``ControlInterface``, others through the simulated systems.
struct SandboxResponder: Sendable {
    let world: SandboxWorld
    let control: ControlInterface
    let connections: ConnectionTable
    let webhooks: WebhookSender

    /// Ends the handling of a connection that was closed on purpose, or by the client.
    private struct ConnectionGivenUp: Error {}

    func respond(to request: Request, writer: consuming ResponseWriter, channel: any Channel) async throws {
        let method = request.method.rawValue
        let target = RequestTarget(request.head.path ?? "/")
        /// Nil if the body was too large.
        let body: [UInt8]?
        do {
            body = Array(buffer: try await request.body.collect(upTo: SimulatedWorld.maximumBodyBytes))
        } catch is NIOTooManyBytesError {
            body = nil
        }
        if let body, target.segments.first == ControlInterface.prefix {
            let response = control.respond(method: method, target: target, body: body)
            _ = try await carryOut([response], writer: writer, channel: channel)
            return
        }
        let exchange =
            if let body { world.receive(Self.simulated(request.head, target: target, body: body)) } else {
                world.refuseOversized(method: method)
            }
        webhooks.enqueue(exchange.webhookCalls)
        let isAnswered: Bool
        do {
            isAnswered = try await carryOut(exchange.steps, writer: writer, channel: channel)
        } catch {
            world.finish(exchange, isAnswered: false)
            throw error
        }
        world.finish(exchange, isAnswered: isAnswered)
        if !isAnswered { throw ConnectionGivenUp() }
    }

    private static func simulated(_ head: HTTPRequest, target: RequestTarget, body: [UInt8]) -> SimulatedRequest {
        SimulatedRequest(
            head.method.rawValue,
            target,
            authority: head.authority ?? "localhost",
            headers: head.headerFields.map { HTTPHeader($0.name.canonicalName, $0.value) },
            body: body
        )
    }
}
