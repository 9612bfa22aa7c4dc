import Fixtures
import Foundation
import Sandbox
import Testing

/// `convosync migrate`, and what `check`, `sync` and `run` report about a file of another program.
@Suite(.serialized) struct MigrateTests {
    /// A configuration with another database file.
    private func configure(_ scenario: ProgramScenario, _ name: String) throws -> String {
        let text = try String(contentsOfFile: scenario.configurationPath, encoding: .utf8)
        try scenario.write(text.replacingOccurrences(of: "convosync.db", with: name), to: "other.toml")
        return "\(scenario.directory)/other.toml"
    }

    private func make(_ path: String, _ sql: String) throws {
        let application = try ApplicationDatabase(path: path)
        try application.execute(sql)
        try application.close()
    }

    @Test func `migrate reports created, then up to date, and migrated with the names of the applied migrations`() async throws {
        try await withScenario { scenario in
            let config = try configure(scenario, "second.db")
            let created = try await scenario.start(["migrate", "--config", config]).end()
            #expect(created.exitCode == 0, "\(created.errorOutput)")
            #expect(created.output.contains("second.db created: 0001_application"))
            let again = try await scenario.start(["migrate", "--config", config]).end()
            #expect(again.output.contains("second.db is up to date: 0001_application"))
            let shared = try configure(scenario, "shared.db")
            try make("\(scenario.directory)/shared.db", "CREATE TABLE orders (id)")
            let migrated = try await scenario.start(["migrate", "--config", shared]).end()
            #expect(migrated.output.contains("shared.db migrated: 0001_application"))
            #expect(migrated.output.contains("the file as it was before is"))
        }
    }

    @Test func `migrate --json reports the same in fields`() async throws {
        try await withScenario { scenario in
            let config = try configure(scenario, "second.db")
            for isFirst in [true, false] {
                let result = try await scenario.start(["migrate", "--json", "--config", config]).end()
                let json = try result.json
                #expect(json["database"]?.string == "\(scenario.directory)/second.db")
                #expect(json["created"] == .boolean(isFirst))
                #expect(json["applied"]?.array?.isEmpty == !isFirst)
                #expect(json["migrations"]?.array?.first == "0001_application")
                #expect(json["backup"] == .null)
                #expect(json["counts"]?.array == [])
            }
        }
    }

    @Test func `on a file with tables of another program, every command refuses with the reason and leaves nothing behind`() async throws {
        try await withScenario { scenario in
            let config = try configure(scenario, "shop.db")
            let path = "\(scenario.directory)/shop.db"
            try make(path, "CREATE TABLE conversations (id); CREATE TABLE users (id); INSERT INTO users VALUES (1)")
            let before = try Data(contentsOf: URL(filePath: path))
            for command in ["check", "migrate", "sync", "run", "status"] {
                let result = try await scenario.start([command, "--config", config]).end()
                #expect(result.exitCode == 69, "\(command): \(result.output) \(result.errorOutput)")
                let said = result.output + result.errorOutput
                #expect(said.contains("already has conversations, users, which convosync did not create"), "\(command): \(said)")
                #expect(try Data(contentsOf: URL(filePath: path)) == before, "\(command)")
                let left = try FileManager.default.contentsOfDirectory(atPath: scenario.directory).filter { $0.hasPrefix("shop.db") }
                #expect(left == ["shop.db"], "\(command)")
            }
        }
    }

    @Test func `a file in UTF-16 is refused by every command, with what to do, and stays as it is`() async throws {
        try await withScenario { scenario in
            let config = try configure(scenario, "wide.db")
            let path = "\(scenario.directory)/wide.db"
            try make(path, "PRAGMA encoding = 'UTF-16'; CREATE TABLE orders (id); INSERT INTO orders VALUES ('x')")
            let before = try Data(contentsOf: URL(filePath: path))
            for command in ["check", "migrate", "sync", "run", "status"] {
                let result = try await scenario.start([command, "--config", config]).end()
                #expect(result.exitCode == 69, "\(command): \(result.output) \(result.errorOutput)")
                let said = result.output + result.errorOutput
                #expect(said.contains("convosync needs UTF-8") && said.contains(".dump"), "\(command): \(said)")
                #expect(try Data(contentsOf: URL(filePath: path)) == before, "\(command)")
            }
        }
    }
}
