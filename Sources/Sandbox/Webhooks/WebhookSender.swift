import NIOCore
import SyncCore
import SyncHTTP

/// Sends the webhook calls of all instances in the order in which their events happened, each of them once.
final class WebhookSender: Sendable {
    private struct Delivery: Sendable {
        let call: WebhookCall
        let dueAt: ContinuousClock.Instant
    }

    /// Waiting calls beyond this number are dropped.
    private static let maximumWaiting = 10_000

    private let client: NetworkTransport
    private let queue: AsyncStream<Delivery>.Continuation
    private let sending: Task<Void, Never>

    init(on loop: any EventLoop) {
        let client = NetworkTransport(HTTPLimits(connectTimeout: .seconds(2), totalTimeout: .seconds(5)), on: loop)
        let (deliveries, queue) = AsyncStream.makeStream(of: Delivery.self, bufferingPolicy: .bufferingOldest(Self.maximumWaiting))
        self.client = client
        self.queue = queue
        self.sending = Task {
            for await delivery in deliveries {
                // Ends early only if the task is cancelled.
                if delivery.dueAt > .now { try? await Task.sleep(until: delivery.dueAt, clock: .continuous) }
                guard !Task.isCancelled else { return }
                // The simulated system does not learn whether its webhook call arrived.
                _ = try? await client.send(delivery.call.message)
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
        await client.shutdown()
    }
}

extension WebhookCall {
    fileprivate var message: HTTPCall {
        HTTPCall(
            method: "POST", url: url, headers: headers.map { (name: $0.name, value: $0.value) }, body: String(decoding: body, as: UTF8.self)
        )
    }
}
