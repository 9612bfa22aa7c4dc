/// An event that happens once, on any thread, and is waited for.
final class Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    func send() {
        continuation.yield()
    }

    /// By one task only.
    func wait() async {
        for await _ in stream { return }
    }
}
