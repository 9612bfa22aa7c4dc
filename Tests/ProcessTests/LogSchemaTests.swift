import Foundation
import Sandbox
import Testing

/// docs/log-events.schema.json, compared with the documents, the sources, and the program's output.
@Suite(.serialized) struct LogSchemaTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func schema() throws -> SchemaCheck {
        SchemaCheck(schema: try SandboxJSON(text: text("docs/log-events.schema.json")))
    }

    private static func names() throws -> Set<String> {
        Set(try schema().schema["oneOf"]?.array?.compactMap { $0["title"]?.string } ?? [])
    }

    @Test func `every event of the documentation is in the schema`() throws {
        let documented = try Self.text("docs/log-events.md").split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("| `"), let name = line.dropFirst(3).split(separator: "`").first else { return nil }
            return name.contains(".") || name == "state" ? String(name) : nil
        }
        #expect(documented.count > 20)
        #expect(Set(documented).subtracting(try Self.names()) == [])
    }

    @Test func `every event that the sources name is in the schema`() throws {
        let folder = Self.root.appending(path: "Sources/SyncDaemon").resolvingSymlinksInPath()
        var used: Set<String> = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where file.hasSuffix(".swift") {
            let source = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            for piece in source.components(separatedBy: "vent(\"").dropFirst() {
                let name = piece.prefix { $0 != "\"" }
                if !name.contains("\\"), name.contains(".") || name == "state" { used.insert(String(name)) }
            }
        }
        #expect(used.count > 20)
        #expect(used.subtracting(try Self.names()) == [])
    }

    @Test func `an invalid line is detected`() throws {
        let check = try Self.schema()
        let good: SandboxJSON = ["ts": "2026-01-01T00:00:00.000Z", "level": "error", "event": "breaker.opened", "remote": "vg"]
        #expect(check.problems(good) == [])
        for (name, value) in [("ts", "now"), ("level", "info"), ("remote", 7), ("more", "x"), ("event", "breaker.burst")]
            as [(String, SandboxJSON)]
        {
            guard case .object(var members) = good else { return }
            members[name] = value
            #expect(check.problems(.object(members)) != [], "\(name)")
        }
    }

    @Test(arguments: ["SIGTERM", "SIGINT", "the database was lost"]) func `the reasons for a stop match the schema`(reason: String) throws {
        let event: SandboxJSON = [
            "ts": "2026-01-01T00:00:00.000Z", "level": "notice", "event": "service.stopping", "reason": .string(reason), "in_flight": 0,
        ]
        #expect(try Self.schema().problems(event) == [])
    }

    @Test func `all lines of a run with faults match the schema`() async throws {
        let check = try Self.schema()
        try await withScenario { scenario in
            try scenario.configure { ($0["schedule", "interval"], $0["remotes.vg", "probe_interval"]) = ("\"1s\"", "\"1s\"") }
            try await scenario.addConversations(1...8)
            for number in 1...4 { try await scenario.addMessage("m\(number)", to: "c\(number)") }
            // Remotes with different faults: refusing, failing, throttling, invalid responses, drifting.
            try scenario.world.setFaults([rule(.status, status: 500, times: 12), rule(.drift, value: "done")], on: "voicebot")
            try scenario.world.setFaults([rule(.status, status: 401, times: 3), rule(.status, status: 400, times: 2)], on: "vg")
            try scenario.world.setFaults([rule(.status, status: 429, times: 2), rule(.garbage, times: 1)], on: "helpdesk")
            try scenario.world.setFaults([rule(.dropAfter, times: 1), rule(.errorInside, times: 1)], on: "fin")
            try await scenario.write("INSERT INTO links (conversation_id, remote, remote_id) VALUES ('c1', 'unknown', '1')")
            let daemon = try await scenario.startDaemon()
            try await daemon.event("remote.parked")
            try await daemon.event("remote.resumed")
            try await daemon.event("remote.throttled")
            try await daemon.event("delivery.dead")
            try await scenario.write("UPDATE conversations SET title = title || ' again', status = 'closed'")
            try scenario.configure { $0["remotes.vg", "concurency"] = "1" }
            daemon.send(SIGHUP)
            try await daemon.event("config.rejected")
            try scenario.configure { $0["remotes.vg", "concurency"] = nil }
            daemon.send(SIGHUP)
            try await daemon.event("config.reloaded")
            daemon.send(SIGTERM)
            let ended = try await daemon.end()
            #expect(ended.exitCode == 0)
            let lines = ended.output.split(separator: "\n")
            #expect(lines.count == daemon.events.count, "every line is an event")
            for event in daemon.events { #expect(check.problems(event) == [], "\(event.text)") }
            #expect(Set(daemon.events.compactMap { $0["event"]?.string }).count >= 14)
        }
    }

    private func rule(_ kind: FaultRule.Kind, status: Int = 500, times: Int? = nil, value: String? = nil) -> FaultRule {
        var rule = FaultRule(kind, times: times)
        rule.status = status
        if let value { rule.value = value }
        return rule
    }
}
