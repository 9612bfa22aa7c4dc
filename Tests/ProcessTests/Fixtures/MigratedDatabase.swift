import Fixtures

/// A new database as `convosync migrate` makes it, which is made once for all scenarios.
enum MigratedDatabase {
    private static let template = Task { try await make() }

    static func copy(to path: String) async throws { try await template.value.copy(to: path) }

    private static func make() async throws -> DatabaseTemplate {
        let directory = try TemporaryDirectory()
        try directory.write("token", to: "token")
        let configuration = ScenarioConfiguration { "http://127.0.0.1:1/\($0)" }
        try directory.write(configuration.text, to: "convosync.toml")
        let migrated = try await ConvosyncProcess(
            ConvosyncProcess.path, ["migrate", "--config", directory.file("convosync.toml")], environment: ConvosyncProcess.environment
        ).end()
        guard migrated.exitCode == 0 else { throw HarnessError("migrate failed: \(migrated.errorOutput)") }
        // Should the process have ended before its connection: the last one to close a file takes its log into it.
        let application = try ApplicationDatabase(path: directory.file("convosync.db"))
        _ = try application.number("SELECT count(*) FROM conversations")
        try application.close()
        return try DatabaseTemplate(closedFile: "convosync.db", in: directory)
    }
}
