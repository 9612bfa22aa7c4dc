import Foundation
import Migrations
import SyncCore
import Testing

@testable import SyncSQLite
@testable import SyncStore

/// The embedded schema is the one in `migrations/`.
@Suite struct MigrationTests {
    private static let migrationsFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "migrations").resolvingSymlinksInPath()

    private func files() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: Self.migrationsFolder.path).filter { $0.hasSuffix(".sql") }.sorted()
    }

    @Test func `the program embeds exactly the files of the folder, in their order`() throws {
        #expect(EmbeddedMigrations.all.map { "\($0.identifier).sql" } == (try files()))
    }

    @Test func `the embedded texts equal the files to the byte`() throws {
        for (identifier, sql) in EmbeddedMigrations.all {
            let file = try Data(contentsOf: Self.migrationsFolder.appending(path: "\(identifier).sql"))
            #expect(Data(sql.utf8) == file, "\(identifier)")
        }
    }

    @Test func `the package embeds every file of the folder`() throws {
        let root = Self.migrationsFolder.deletingLastPathComponent()
        let package = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
        for file in try files() { #expect(package.contains(".embedInCode(\"\(file)\")"), "\(file)") }
    }

    @Test func `the files are numbered without gaps`() throws {
        for (index, file) in try files().enumerated() {
            #expect(Int(file.prefix(4)) == index + 1, "\(file)")
            #expect(file.dropFirst(4).first == "_")
        }
    }

    @Test func `all migrations are applied, and only once`() async throws {
        let scenario = try StoreScenario()
        #expect(try await scenario.store.appliedMigrations() == EmbeddedMigrations.all.map(\.identifier))
        try scenario.addConversations("c1")
        let again = try Store(path: scenario.path, access: .migrating)
        #expect(try await again.appliedMigrations() == EmbeddedMigrations.all.map(\.identifier))
        #expect(try scenario.lines("SELECT id FROM conversations") == ["c1"])
    }

    @Test func `every table is strict`() throws {
        let scenario = try StoreScenario()
        let loose = try scenario.lines(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'")
        #expect(loose == ["grdb_migrations"])
        let tables = try scenario.lines("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 1")
        #expect(Int(tables.first ?? "") ?? 0 >= 12)
    }

    @Test func `triggers and checks use only functions that every client has`() throws {
        let scenario = try StoreScenario()
        for sql in try scenario.lines("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'grdb_migrations'") {
            #expect(!sql.lowercased().contains("jsonb"), "not in SQLite 3.40")
            #expect(!sql.lowercased().contains("subsec"), "NULL in SQLite 3.40")
        }
        // A connection without any preparation can write every application table.
        try scenario.addConversations("c1")
        try scenario.addMessage("m1", of: "c1")
        try scenario.write("INSERT INTO users (id) VALUES ('u1'); UPDATE conversations SET user_id = 'u1'; DELETE FROM conversations")
        #expect(try scenario.lines("SELECT count(*) FROM links") == ["0"])
    }

    @Test func `a conversation only needs an id`() throws {
        let scenario = try StoreScenario()
        try scenario.write("INSERT INTO conversations(id) VALUES('c1')")
        let row = try scenario.lines("SELECT title, tags, attributes, status, assignee_id, last_user_read_at, user_id FROM conversations")
        #expect(row == ["-|[]|{}|open|-|-|-"])
        let times = try scenario.lines("SELECT created_at FROM conversations UNION ALL SELECT updated_at FROM conversations")
        for time in times {
            let moment = try #require(Instant(iso8601: time))
            #expect(moment.iso8601 == time, "ISO 8601 in UTC with milliseconds")
        }
    }

    @Test func `users, links, messages and assignees have their defaults`() throws {
        let scenario = try StoreScenario()
        try scenario.write("INSERT INTO users (id) VALUES ('u1')")
        #expect(try scenario.lines("SELECT * FROM users") == ["u1|-|-|-|end_user|{}"])
        try scenario.addConversations("c1")
        #expect(try scenario.lines("SELECT agent_id FROM links WHERE remote = 'vg'") == ["-"])
        try scenario.write("INSERT INTO messages (id, conversation_id, author) VALUES ('m1', 'c1', 'fin')")
        #expect(try scenario.lines("SELECT body, attachments FROM messages") == ["-|[]"])
        try scenario.write("INSERT INTO assignees VALUES ('agent_jane', 'voicebot', '77')")
        #expect(try scenario.lines("SELECT * FROM assignees") == ["agent_jane|voicebot|77"])
    }
}
