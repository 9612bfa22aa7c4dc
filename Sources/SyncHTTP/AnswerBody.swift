import AsyncHTTPClient
import NIOCore
import SyncCore
import Synchronization

/// Takes in the body of an answer within the limits of its call.
struct AnswerBody: Sendable {
    private let limits: HTTPLimits

    init(_ limits: HTTPLimits) {
        self.limits = limits
    }

    /// The library's deadline ends with the head of the answer. A body that dribbles in is cut off here: at the first piece after the
    /// deadline, which comes within the read timeout, or that time-out ends the call.
    func collect(_ body: HTTPClientResponse.Body, until deadline: NIODeadline) async throws -> ByteBuffer {
        // The library keeps the read timeout where it is the longer one of the two that it has one number for.
        guard limits.readTimeout < limits.firstByteTimeout else { return try await pieces(of: body, until: deadline) {} }
        let silence = Silence()
        return try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask {
                try await pieces(of: body, until: deadline) { silence.ends() }
            }
            group.addTask {
                while true {
                    let silentAt = silence.since + .milliseconds(limits.readTimeout.milliseconds)
                    let rest = silentAt - .now()
                    guard rest > .zero else { throw HTTPClientError.readTimeout }
                    try await Task.sleep(for: .nanoseconds(rest.nanoseconds))
                }
            }
            defer { group.cancelAll() }
            return try await group.next().flatMap { $0 } ?? ByteBuffer()
        }
    }

    /// When something was last heard.
    private final class Silence: Sendable {
        private let heardAt = Mutex(NIODeadline.now())

        var since: NIODeadline { heardAt.withLock { $0 } }

        func ends() { heardAt.withLock { $0 = .now() } }
    }

    private func pieces(
        of body: HTTPClientResponse.Body, until deadline: NIODeadline, heard: @Sendable () -> Void
    ) async throws -> ByteBuffer {
        var collected = ByteBuffer()
        for try await piece in body {
            heard()
            guard NIODeadline.now() < deadline else { throw HTTPClientError.deadlineExceeded }
            guard collected.readableBytes + piece.readableBytes <= limits.maximumResponseSize else {
                throw NIOTooManyBytesError(maxBytes: limits.maximumResponseSize)
            }
            collected.writeImmutableBuffer(piece)
        }
        return collected
    }
}
