import Foundation

/// What to do after the demo: a configuration for the sandbox at a fixed port, and the commands.
struct TryIt {
    /// The demo's own directory, in which a folder for manual use is created.
    let directory: URL
    /// The path of the `convosync` program.
    let program: String

    private static let port = 8470

    func text() throws -> String {
        let folder = directory.appendingPathComponent("try")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let token = folder.appendingPathComponent("token")
        try Data("sandbox-token\n".utf8).write(to: token)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: token.path)
        let configuration = folder.appendingPathComponent("convosync.toml")
        try Data(Self.configuration.utf8).write(to: configuration)
        let database = folder.appendingPathComponent("convosync.db").path
        return """

            \(String(repeating: "─", count: 100))
            Try it yourself. The demo has stopped everything that it started. In a first terminal, the simulated remotes:

              swift run convosync-sandbox --port \(Self.port)

            In a second one, the service, with a configuration that leads to them:

              export CONVOSYNC_CONFIG=\(configuration.path)
              \(program) run

            In a third one, the application and the commands (sqlite3 and curl are needed):

              export CONVOSYNC_CONFIG=\(configuration.path)
              alias convosync=\(program)
              sqlite3 \(database) "INSERT INTO conversations (id, title, assignee_id) VALUES ('c1', 'Pricing', 'agent_fin');
                INSERT INTO links (conversation_id, remote, remote_id) VALUES ('c1', 'voicebot', '1'), ('c1', 'vg', 'convo-1');"
              convosync status
              curl -s http://127.0.0.1:\(Self.port)/_control/vg/state                                   # what vg holds
              curl -s http://127.0.0.1:\(Self.port)/_control/vg/faults -d '[{"kind":"status","status":503}]'   # vg is down
              sqlite3 \(database) "UPDATE conversations SET status = 'closed' WHERE id = 'c1'"
              convosync status
              curl -s -X DELETE http://127.0.0.1:\(Self.port)/_control/vg/faults                        # vg is back
              curl -s http://127.0.0.1:\(Self.port)/_control/voicebot/act -d '{"conversation":"1","status":"in-progress"}'   # a stray click: what comes of it?
              convosync explain c1

            docs/sandbox.md has all faults and acts. Control-C ends the sandbox and the service; \(directory.path) can be deleted.
            """
    }

    private static var configuration: String {
        let url = "http://127.0.0.1:\(port)"
        return """
            [database]
            path = "convosync.db"

            [assignees]
            ai = ["agent_fin"]

            [retry]
            base = "500ms"
            cap = "5s"

            [remotes.helpdesk]
            url = "\(url)/helpdesk"
            token_file = "token"
            poll = { interval = "2s" }

            [remotes.fin]
            url = "\(url)/intercom"
            token_file = "token"

            [remotes.voicebot]
            url = "\(url)/voicebot"
            token_file = "token"
            poll = { interval = "2s" }

            [remotes.vg]
            url = "\(url)/vg"
            token_file = "token"
            agent_id = "agent-1"
            poll = { interval = "2s" }

            """
    }
}
