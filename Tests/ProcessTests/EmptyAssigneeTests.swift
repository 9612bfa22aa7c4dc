import Foundation
import GRDB
import Sandbox
import Testing

/// A database in which an assignee is an empty text, as earlier releases allowed.
@Suite(.serialized) struct EmptyAssigneeTests {
    /// As if `0008_keys_and_queues` had not been applied, with the table's content from before. What later migrations have built on its columns goes
    /// as well.
    private static let former = """
        DROP TRIGGER conversations_assignee_inserted; DROP TRIGGER conversations_assignee_updated;
        DROP TRIGGER assignees_assignee_inserted; DROP TRIGGER assignees_assignee_updated;
        INSERT INTO conversations (id, assignee_id) VALUES ('c1', ''), ('c2', '  '), ('c3', 'anna');
        DROP TRIGGER links_shared_by_insert; DROP TRIGGER links_shared_by_update; DROP TRIGGER links_left_by_delete;
        DROP TRIGGER links_left_by_update; DROP TRIGGER links_replaced_by_insert; DROP TRIGGER links_replaced_by_update;
        DROP TRIGGER object_was_left; DROP VIEW object_left; DROP TABLE shared_objects; DROP TABLE migration_counts;
        DROP INDEX outbox_due; DROP INDEX outbox_first_tries;
        DROP INDEX outbox_queue; DROP INDEX outbox_behind; DROP INDEX outbox_held_by_fin;
        DROP TRIGGER outbox_ended; DROP TRIGGER outbox_deleted; DROP TRIGGER outbox_returned;
        DROP TRIGGER message_was_corrected; DROP VIEW unsent_messages_from;
        ALTER TABLE outbox DROP COLUMN place; ALTER TABLE outbox DROP COLUMN passed_over_at;
        ALTER TABLE read_requests DROP COLUMN asked_again_at; ALTER TABLE remotes DROP COLUMN read_cursor_agent;
        CREATE INDEX outbox_due ON outbox (remote, due_at, id) WHERE state = 'pending' AND behind = 0;
        CREATE INDEX outbox_first_tries ON outbox (remote, due_at, id) WHERE state = 'pending' AND behind = 0 AND attempts = 0;
        DELETE FROM grdb_migrations WHERE identifier = '0008_keys_and_queues';
        """

    @Test func `migrate reports the number of corrected rows, once`() async throws {
        try await withScenario { scenario in
            try await scenario.write(Self.former)
            let result = try await scenario.run("migrate")
            #expect(result.exitCode == 0, "\(result.errorOutput)")
            #expect(result.output.contains("conversations with an empty assignee_id, which is NULL now: 2"), "\(result.output)")
            #expect(try await scenario.texts("SELECT id FROM conversations WHERE assignee_id IS NULL ORDER BY id") == ["c1", "c2"])
            #expect(try await !scenario.run("migrate").output.contains("assignee_id"))
        }
    }

    @Test(arguments: ["run", "sync"])
    func `the log reports the number of corrected rows`(command: String) async throws {
        try await withScenario { scenario in
            try await scenario.write(Self.former)
            let event: SandboxJSON
            if command == "run" {
                event = try await scenario.startDaemon().event("store.rows_migrated")
            } else {
                event = try #require(try await scenario.run("sync").events("store.rows_migrated").first)
            }
            #expect(event["rows"] == 2)
            #expect(event["migration"] == "0008_keys_and_queues")
            #expect(event["subject"]?.string?.contains("empty assignee_id") == true)
        }
    }

    @Test func `the table refuses an empty assignee, and the conversation keeps its assignee`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1, assignee: "anna")
            for blank in ["", " ", "\u{A0}\t"] {
                do {
                    try await scenario.write("UPDATE conversations SET assignee_id = ?", [blank])
                    Issue.record("accepted")
                } catch let error as DatabaseError {
                    #expect(error.message == "conversations.assignee_id must not be empty; NULL means that nobody has the conversation")
                }
            }
            #expect(try await scenario.local("c1") == "open/anna")
        }
    }

    @Test func `vg is sent the person's id there, and nothing while the table assignees has none`() async throws {
        try await withScenario({ $0["remotes.vg.fields", "chatAssignedTo"] = "\"assignee_id\"" }) { scenario in
            try await scenario.addConversations(1...1, assignee: "anna")
            let result = try await scenario.run("sync")
            #expect(scenario.written("vg").allSatisfy { $0["chatAssignedTo"] == nil })
            let omitted = result.events("projection.omitted").first { $0["field"] == "chatAssignedTo" }
            #expect(omitted?["reason"]?.string?.contains("no row for remote \"vg\" in the table assignees") == true)
            try await scenario.write("INSERT INTO assignees VALUES ('anna', 'vg', 'client_anna')")
            try await scenario.sync()
            #expect(scenario.written("vg").last?["chatAssignedTo"] == "client_anna")
        }
    }
}
