import Foundation
import Sandbox

/// The demo's directory with configuration, database, program and remotes.
struct Stage {
    let directory: URL
    let sandbox: SandboxServer
    let program: Program
    let application: Application

    /// The secret with which Fin signs its events.
    static let webhookSecret = "demo-webhook-secret"

    init(sandbox: SandboxServer) throws {
        self.sandbox = sandbox
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-demo-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for (name, secret) in [("token", "sandbox-token"), ("webhook-secret", Stage.webhookSecret)] {
            let file = directory.appendingPathComponent(name)
            try Data("\(secret)\n".utf8).write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
        }
        let configuration = directory.appendingPathComponent("convosync.toml")
        try Data(Stage.configuration(sandbox).utf8).write(to: configuration)
        program = Program(configuration: configuration, logPath: directory.appendingPathComponent("daemon.log").path)
        _ = try program.command("migrate")
        application = try Application(path: directory.appendingPathComponent("convosync.db").path)
    }

    private static func configuration(_ sandbox: SandboxServer) -> String {
        """
        [database]
        path = "convosync.db"

        [retry]
        base = "200ms"
        cap = "2s"

        [listen]
        address = "127.0.0.1:0"

        [remotes.helpdesk]
        url = "\(sandbox.url(of: "helpdesk"))"
        token_file = "token"
        poll = { interval = "1s", rotate = 50 }

        [remotes.fin]
        url = "\(sandbox.url(of: "fin"))"
        token_file = "token"
        webhook = { secret_file = "webhook-secret" }

        [remotes.voicebot]
        url = "\(sandbox.url(of: "voicebot"))"
        token_file = "token"
        breaker = { pause = "500ms", max_pause = "1s" }
        poll = { interval = "1s", pages = 3 }

        [remotes.vg]
        url = "\(sandbox.url(of: "vg"))"
        token_file = "token"
        agent_id = "agent-1"
        poll = { interval = "1s", pages = 15 }

        [remotes.vg.fields]
        leadScore = "attributes.lead_score"

        """
    }

    /// Waits until nothing is waiting, at all remotes or all but one.
    func settle(except remote: String? = nil) async throws {
        for _ in 0..<600 {
            try await Task.sleep(for: .milliseconds(100))
            if try application.isSettled(except: remote) { return }
        }
        throw DemoFailure(description: "the outbox did not settle within a minute; see \(program.logPath)")
    }

    /// The sequence number of the last call, as a starting point for counting.
    var mark: Int { sandbox.world.requests().last?.sequence ?? 0 }

    /// Calls that change something at a remote.
    func writes(since mark: Int) -> [RequestRecord] {
        sandbox.world.requests(after: mark).filter {
            $0.method == "PATCH" || ($0.method == "POST" && !$0.path.hasSuffix("/get_conversation"))
        }
    }

    /// The number of calls to each remote since then, by result.
    func calls(since mark: Int) -> String {
        let requests = writes(since: mark)
        return Columns.text(
            [["REMOTE", "CALLS", "ACKNOWLEDGED", "FAILED"]]
                + ["fin", "voicebot", "vg", "helpdesk"].map { remote in
                    let own = requests.filter { $0.instance == remote }
                    let acknowledged = own.count { $0.status == 200 && $0.fault == nil }
                    return [remote, "\(own.count)", "\(acknowledged)", "\(own.count - acknowledged)"]
                })
    }
}
