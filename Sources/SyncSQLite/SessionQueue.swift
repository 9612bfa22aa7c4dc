import Dispatch
import SyncCore
import SyncStore

/// The queue of a session: all code that uses the connection runs here, one piece after the other.
final class SessionQueue: Sendable {
    /// Nil: the work runs where it is called, and the callers take turns by themselves.
    private let queue: DispatchQueue?
    /// Only used on the queue. Nil once it is closed.
    private nonisolated(unsafe) var session: SQLiteSession?

    /// - Parameter hasThread: whether the work runs on a thread of its own, where it may wait for a disk.
    init(_ session: SQLiteSession, hasThread: Bool) {
        self.session = session
        queue = hasThread ? DispatchQueue(label: "convosync.store") : nil
    }

    func perform<Value: Sendable>(_ work: @escaping @Sendable (SQLiteSession) throws -> Value) async throws -> Value {
        guard let queue else { return try work(openSession()) }
        return try await withCheckedThrowingContinuation { continuation in
            queue.async {
                continuation.resume(with: Result { try work(self.openSession()) })
            }
        }
    }

    /// Later work fails.
    func close() {
        guard let queue else { return session = nil }
        queue.sync { session = nil }
    }

    /// For work that already runs on the queue.
    func presentSession() throws(SQLiteError) -> SQLiteSession {
        if let queue { dispatchPrecondition(condition: .onQueue(queue)) }
        return try openSession()
    }

    private func openSession() throws(SQLiteError) -> SQLiteSession {
        guard let session else { throw SQLiteError.closed }
        return session
    }
}
