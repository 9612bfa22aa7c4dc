import Dispatch
import SyncCore
import SyncStore

/// The queue of a session: all code that uses the connection runs here, one piece after the other.
final class SessionQueue: Sendable {
    private let queue = DispatchQueue(label: "convosync.store")
    /// Only used on the queue. Nil once it is closed.
    private nonisolated(unsafe) var session: SQLiteSession?

    init(_ session: SQLiteSession) {
        self.session = session
    }

    func perform<Value: Sendable>(_ work: @escaping @Sendable (SQLiteSession) throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try work(self.openSession()) })
            }
        }
    }

    /// Later work fails.
    func close() {
        queue.sync { session = nil }
    }

    /// For work that already runs on the queue.
    func presentSession() throws(SQLiteError) -> SQLiteSession {
        dispatchPrecondition(condition: .onQueue(queue))
        return try openSession()
    }

    private func openSession() throws(SQLiteError) -> SQLiteSession {
        guard let session else { throw SQLiteError.closed }
        return session
    }
}
