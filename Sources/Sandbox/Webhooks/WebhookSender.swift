import AsyncHTTPClient
import NIOCore
import NIOPosix

/// Sends the webhook calls of all instances in the order in which their events happened, each of them once.
final class WebhookSender: Sendable {
    private struct Delivery: Sendable {
        let call: WebhookCall
        let dueAt: ContinuousClock.Instant
    }

    /// Waiting calls beyond this number are dropped.
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
                // Ends early only if the task is cancelled.
                if delivery.dueAt > .now { try? await Task.sleep(until: delivery.dueAt, clock: .continuous) }
                guard !Task.isCancelled else { return }
                // The simulated system does not learn whether its webhook call arrived.
                _ = try? await Self.send(delivery.call, with: client)
            }
        }
    }

    func enqueue(_ calls: [WebhookCall]) {
        for call in calls {
            queue.yield(Delivery(call: call, dueAt: .now.advanced(by: .milliseconds(call.delayMilliseconds))))
        }
    }

    func stop() async {
        queue.finish()
        sending.cancel()
        await sending.value
        // The client is no longer used, so a failure loses nothing.
        try? await client.shutdown()
    }

    private static func send(_ call: WebhookCall, with client: HTTPClient) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: call.url)
        request.method = .POST
        for header in call.headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(ByteBuffer(bytes: call.body))
        return try await client.execute(request, timeout: .seconds(5))
    }
}
