import SyncCore

/// Lets notices that arrive while a commit is on its way share the next one: a disk that takes 10 ms to make a commit safe would
/// otherwise take no more than a hundred calls a second.
///
/// One commit per remote at a time. A commit that has begun is finished, whatever becomes of the connection that caused it.
actor NoticeGroups {
    /// Writes notices of a remote down for good; returns how many were new.
    typealias Receive = @Sendable ([Notice], String) async throws -> Int

    private struct Waiting {
        var notices: [Notice]
        var continuation: CheckedContinuation<Int, any Error>
    }

    private let write: Receive
    private var waiting: [String: [Waiting]] = [:]
    private var busy: Set<String> = []

    init(_ write: @escaping Receive) {
        self.write = write
    }

    /// Returns after the commit. Of a group, one caller gets the number of what was new in it, the others get 0.
    func receive(_ notices: [Notice], from remote: String) async throws -> Int {
        try await withCheckedThrowingContinuation { continuation in
            waiting[remote, default: []].append(Waiting(notices: notices, continuation: continuation))
            guard busy.insert(remote).inserted else { return }
            Task { await work(on: remote) }
        }
    }

    /// How many calls wait for a commit that has not begun.
    func waitingCount(of remote: String) -> Int { waiting[remote]?.count ?? 0 }

    private func work(on remote: String) async {
        while let group = waiting.removeValue(forKey: remote) {
            do {
                let new = try await write(group.flatMap(\.notices), remote)
                for (index, member) in group.enumerated() { member.continuation.resume(returning: index == 0 ? new : 0) }
            } catch {
                for member in group { member.continuation.resume(throwing: error) }
            }
        }
        busy.remove(remote)
    }
}
