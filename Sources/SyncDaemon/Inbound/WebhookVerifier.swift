import SyncCore
import SyncRemotes

/// Verifies and reads calls, one after the other on a queue of its own: whoever sends bodies of the largest size without knowing a secret
/// keeps one core busy at most, and neither deliveries nor the database wait for that.
actor WebhookVerifier {
    private let executor = DispatchQueueExecutor(label: "convosync.webhooks")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func read(_ body: [UInt8], proof: String?, by reader: WebhookReader) throws(WebhookRejection) -> WebhookReading {
        try reader.read(body, proof: proof)
    }
}
