import GRDB
import Sandbox
import Torture

extension ProgramScenario {
    /// The values at the remotes that differ from the local tables; empty when all are right.
    func differences() async throws -> [String] {
        let truths = try await application.queue.read { try Truth.all($0) }
        var found = truths.flatMap { truth in truth.differences { world.state(of: $0, conversation: $1) } }
        let messages = try await application.queue.read { db in
            try Row.fetchAll(db, sql: "SELECT conversation_id, count(*) FROM messages WHERE author = 'user' GROUP BY conversation_id")
                .map { (conversation: $0[0] as String, count: $0[1] as Int) }
        }
        for (conversation, count) in messages {
            let holds = world.state(of: "fin", conversation: conversation)?["message_count"]?.integer ?? 0
            if holds != count { found.append("\(conversation) fin: \(holds) messages instead of \(count)") }
        }
        return found
    }

    /// Waits until every remote holds the state of the local tables; returns the differences when the time is over.
    func remainingDifferences(within timeout: Duration = ConvosyncProcess.patience) async throws -> [String] {
        _ = try await eventually(timeout) { try await differences().isEmpty }
        return try await differences()
    }
}
