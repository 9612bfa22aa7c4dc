import SyncCore
import SyncRemotes

/// Verifies and reads calls one at a time on a queue of its own. A sender without a secret who sends bodies of maximum size keeps at most one core
/// busy, and neither deliveries nor the database wait for that.
actor WebhookVerifier {
    private let executor = DispatchQueueExecutor(label: "convosync.webhooks")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func read(_ body: [UInt8], proof: String?, by reader: WebhookReader) throws(WebhookRejection) -> WebhookReading {
        try reader.read(body, proof: proof)
    }
}
