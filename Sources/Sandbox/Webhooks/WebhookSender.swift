import AsyncHTTPClient
import Crypto
import NIOCore
import NIOPosix

/// Sends the events of all instances, one after the other in the order in which they happened.
///
/// A webhook is sent once: vg does not retry (docs/remotes/vg.md), and what the others do is not documented.
final class WebhookSender: Sendable {
    private struct Delivery: Sendable {
        let event: WebhookEvent
        let target: WebhookTarget
        let kind: RemoteKind
    }

    /// Events that wait beyond this number are dropped.
    private static let maximumWaiting = 10_000

    private let client: HTTPClient
    private let queue: AsyncStream<Delivery>.Continuation
    private let sending: Task<Void, Never>

    init(group: MultiThreadedEventLoopGroup) {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(2), read: .seconds(5))
        let client = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
        let (deliveries, queue) = AsyncStream.makeStream(of: Delivery.self, bufferingPolicy: .bufferingOldest(Self.maximumWaiting))
        self.client = client
        self.queue = queue
        self.sending = Task {
            for await delivery in deliveries {
                guard !Task.isCancelled else { return }
                _ = try? await Self.send(delivery, with: client)
            }
        }
    }

    func enqueue(_ events: [WebhookEvent], to target: WebhookTarget, kind: RemoteKind) {
        for event in events { queue.yield(Delivery(event: event, target: target, kind: kind)) }
    }

    func stop() async {
        queue.finish()
        sending.cancel()
        await sending.value
        try? await client.shutdown()
    }

    private static func send(_ delivery: Delivery, with client: HTTPClient) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: delivery.target.url)
        request.method = .POST
        let (body, headers) = signed(delivery.event, secret: delivery.target.secret, kind: delivery.kind)
        request.headers.add(name: "Content-Type", value: "application/json")
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        return try await client.execute(request, timeout: .seconds(5))
    }

    /// The bytes of an event and the headers that prove where it comes from.
    ///
    /// - fin: `X-Fin-Agent-API-Webhook-Signature: sha256=` and the hexadecimal HMAC-SHA256 of the raw body (docs/remotes/fin.md, "Webhook").
    /// - vg: no header; the workspace secret is a member of the payload (docs/remotes/vg.md).
    /// - voicebot: not documented; `X-Signature` with the hexadecimal HMAC-SHA256 is this sandbox's choice.
    /// - helpdesk: `X-Webhook-Key` with the secret itself, as a helpdesk sends it to Fin (docs/remotes/helpdesk.md, "Webhook").
    static func signed(
        _ event: WebhookEvent,
        secret: String,
        kind: RemoteKind
    ) -> (body: [UInt8], headers: [(name: String, value: String)]) {
        switch kind {
        case .fin:
            let body = event.body.encoded
            return (body, [("X-Fin-Agent-API-Webhook-Signature", "sha256=" + hexadecimalHMAC(body, secret: secret))])
        case .voicebot:
            let body = event.body.encoded
            return (body, [("X-Signature", hexadecimalHMAC(body, secret: secret))])
        case .vg:
            var body = event.body
            if case .object(var payload)? = body["payload"] {
                payload["workspaceSecret"] = .string(secret)
                body.replace(["payload"], with: .object(payload))
            }
            return (body.encoded, [])
        case .helpdesk:
            return (event.body.encoded, [("X-Webhook-Key", secret)])
        }
    }

    private static func hexadecimalHMAC(_ body: [UInt8], secret: String) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Array(secret.utf8)))
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: code.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
