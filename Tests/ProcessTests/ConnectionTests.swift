import Foundation
import Sandbox
import Synchronization
import Testing

/// Connections and bodies of unusual servers, and the resulting outbox rows.
@Suite(.serialized) struct ConnectionTests {
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json"
    /// For bodies of megabytes: without optimization the program takes its time over them.
    private static let patience = Duration.seconds(300)
    private static let body = Array(#"{"conversation":{"_id":"v1"}}"#.utf8)

    /// A scenario in which only vg is configured, at a server of the test's.
    private func withServer(_ server: TransportServer, _ body: (ProgramScenario) async throws -> Void) async throws {
        try await withScenario(
            {
                for remote in ["helpdesk", "fin", "voicebot"] { $0.remove("remotes.\(remote)") }
                $0["remotes.vg", "url"] = "\"\(server.url)\""
                // What is tested is not how fast a busy machine writes 6 MiB.
                $0["remotes.vg", "timeouts"] = "{ connect = \"30s\", read = \"60s\", total = \"60s\" }"
                // All conversations are new, on purpose.
                $0["brake", "enabled"] = "false"
            }, body)
    }

    private func rows(_ scenario: ProgramScenario) async throws -> [String] {
        try await scenario.texts(
            "SELECT DISTINCT state || ' ' || attempts || ' ' || coalesce(last_http_status, '-') FROM outbox WHERE remote = 'vg'")
    }

    @Test func `at a server that closes silently after each response, all rows are delivered with one attempt`() async throws {
        let server = try TransportServer { connection in
            if connection.readRequest() != nil { connection.write(Self.ok, Self.body) }
        }
        try await withServer(server) { scenario in
            try await scenario.addConversations(1...400)
            let process = try scenario.start(["sync", "--drain", "25", "--config", scenario.configurationPath])
            #expect(try await process.end().exitCode == 0)
            #expect(try await rows(scenario) == ["delivered 1 200"])
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE remote = 'vg'") == 400)
            let attempts = process.events.filter { $0["event"] == "delivery.attempted" }
            #expect(attempts.allSatisfy { $0["outcome"] == "delivered" })
        }
    }

    @Test(arguments: [401, 403])
    func `a refusal before a body of 6 MiB was read parks the remote and uses no attempt`(status: Int) async throws {
        let server = try TransportServer { connection in
            connection.readSome()
            connection.write("HTTP/1.1 \(status) No\r\nConnection: close")
        }
        try await withServer(server) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.setTitle(String(repeating: "x", count: 6 << 20), of: "c1")
            let process = try scenario.start(["sync", "--config", scenario.configurationPath])
            #expect(try await process.end(within: Self.patience).exitCode == 75)
            #expect(process.events.contains { $0["event"] == "remote.parked" })
            #expect(try await rows(scenario) == ["pending 0 \(status)"])
        }
    }

    @Test func `a large body that is refused with 413 is dead, not in doubt`() async throws {
        let server = try TransportServer { connection in
            connection.readSome()
            connection.write("HTTP/1.1 413 Too large\r\nConnection: close")
        }
        try await withServer(server) { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.setTitle(String(repeating: "x", count: 6 << 20), of: "c1")
            #expect(try await scenario.run("sync", within: Self.patience).exitCode == 65)
            #expect(try await rows(scenario) == ["dead 1 413"])
        }
    }

    @Test(arguments: ["gzip", "GZIP", "x-gzip"])
    func `no compression is requested, and a compressed response is read nevertheless`(coding: String) async throws {
        let requests = Mutex<[String]>([])
        let compressed = try #require(Data(base64Encoded: "H4sIAAAAAAACA6tWSs7PK0stKk4syczPU7KqVorPTFGyUiozVKqtBQBFmxY6HQAAAA=="))
        let server = try TransportServer { connection in
            while let request = connection.readRequest() {
                requests.withLock { $0.append(request) }
                connection.write(Self.ok + "\r\nContent-Encoding: \(coding)", Array(compressed))
            }
        }
        try await withServer(server) { scenario in
            try await scenario.addConversations(1...3)
            try await scenario.sync()
            #expect(try await rows(scenario) == ["delivered 1 200"])
        }
        let seen = requests.withLock { $0 }
        #expect(seen.count == 3)
        #expect(seen.allSatisfy { $0.lowercased().contains("\r\naccept-encoding: identity\r\n") })
        #expect(server.connectionCount <= 3)
    }
}
