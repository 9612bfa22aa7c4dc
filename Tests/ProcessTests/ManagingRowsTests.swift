import Sandbox
import Testing

/// What commands on outbox rows report about rows that they skip, and when they require confirmation.
@Suite(.serialized) struct ManagingRowsTests {
    private func refusal(_ status: Int) -> FaultRule {
        var rule = FaultRule(.status)
        rule.status = status
        return rule
    }

    /// All rows of vg are dead.
    private func withDeadRows(_ count: Int, _ body: (ProgramScenario) async throws -> Void) async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...count)
            try await scenario.sync()
            try scenario.world.setFaults([refusal(422)], on: "vg")
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            try await scenario.sync(expecting: 65)
            try scenario.world.setFaults([], on: "vg")
            try await body(scenario)
        }
    }

    @Test func `an action changes the rows that it applies to, and names a helpful command for every other row`() async throws {
        try await withDeadRows(1) { scenario in
            let dead = try await scenario.number("SELECT id FROM outbox WHERE state = 'dead'")
            let delivered = try await scenario.number("SELECT min(id) FROM outbox WHERE state = 'delivered'")
            let arguments = ["outbox", "retry", "\(dead)", "\(delivered)", "4711", "4712"]
            let preview = try await scenario.start(arguments + ["--dry-run", "--json", "--config", scenario.configurationPath]).end()
            #expect(preview.exitCode == 64)
            #expect(try preview.json["affected"] == [.integer(dead)])
            let skipped = try preview.json["skipped"]?.array ?? []
            #expect(skipped.map { $0["id"]?.integer } == [delivered, 4711, 4712])
            #expect(skipped.map { $0["reason"] } == ["is delivered", "does not exist", "does not exist"])
            #expect(skipped.allSatisfy { $0["hint"]?.string?.contains("convosync outbox") == true })
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 1)

            let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
            #expect(result.exitCode == 64)
            #expect(result.output.contains("retried 1 row: \(dead)"))
            for text in ["row \(delivered) is delivered", "row 4711 does not exist", "row 4712 does not exist", "convosync outbox list"] {
                #expect(result.errorOutput.contains(text), "\(result.errorOutput)")
            }
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 0)
        }
    }

    @Test func `list and show also name rows that do not exist`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            for command in ["list", "show"] {
                let text = try await scenario.run("outbox", command, "1", "4711")
                #expect(text.exitCode == 64)
                #expect(text.errorOutput.contains("row 4711 does not exist"))
                #expect(text.output.contains("c1"), "the others are shown")
                let json = try await scenario.run("outbox", command, "1", "4711", "--json")
                #expect(json.exitCode == 64)
                #expect(try json.json["rows"]?.array?.map { $0["id"] } == [1])
                #expect(try json.json["skipped"]?.array?.map { $0["id"] } == [4711])
            }
        }
    }

    @Test func `a remote that is not configured is refused by every command, with the known names`() async throws {
        try await withScenario { scenario in
            for arguments in [
                ["outbox", "list", "--remote", "vgg"], ["outbox", "retry", "--remote", "vgg"], ["outbox", "discard", "--remote", "vgg"],
                ["outbox", "release", "--remote", "vgg", "--json"], ["plan", "--remote", "vgg"], ["pause", "vgg"], ["resume", "vgg"],
            ] {
                let result = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                #expect(result.exitCode == 64, "\(arguments)")
                #expect(result.errorOutput.contains("configured: fin, helpdesk, vg, voicebot; did you mean \"vg\"?"), "\(arguments)")
                #expect(
                    result.errorOutput.contains(
                        "Usage: convosync \(arguments.prefix(while: { $0 != "vgg" && !$0.hasPrefix("-") }).joined(separator: " ")) "))
            }
            // A remote that was removed from the configuration is known by its rows.
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.configure { $0.remove("remotes.vg") }
            #expect(try await scenario.run("outbox", "list", "--remote", "vg", "--json").json["rows"]?.array?.count == 1)
        }
    }

    @Test func `a filter that matches nothing succeeds, and says so`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            for action in ["retry", "discard", "release"] {
                let result = try await scenario.run("outbox", action, "--remote", "vg")
                #expect(result.exitCode == 0)
                #expect(result.output == "no rows match\n")
                #expect(result.errorOutput.isEmpty)
            }
            let uncertain = try await scenario.run("outbox", "retry", "--state", "uncertain")
            #expect(uncertain.exitCode == 0)
            #expect(uncertain.output == "no rows match\n")
            #expect(uncertain.errorOutput.isEmpty)
        }
    }

    @Test func `a state to which an action does not apply is refused with the command for it`() async throws {
        try await withScenario { scenario in
            let release = try await scenario.run("outbox", "release", "--state", "dead")
            #expect(release.exitCode == 64)
            #expect(release.errorOutput.contains("`convosync outbox retry --state dead` or `convosync outbox discard --state dead`"))
            #expect(release.errorOutput.contains("Usage: convosync outbox release "))
            let retry = try await scenario.run("outbox", "retry", "--state", "held")
            #expect(retry.exitCode == 64)
            #expect(retry.errorOutput.contains("`convosync outbox release --state held`"))
        }
    }

    @Test func `without a terminal, more than five rows require --yes, and --dry-run does not`() async throws {
        try await withDeadRows(6) { scenario in
            for arguments in [["outbox", "discard", "--state", "dead"], ["outbox", "retry", "--remote", "vg", "--json"]] {
                let refused = try await scenario.start(arguments + ["--config", scenario.configurationPath]).end()
                #expect(refused.exitCode == 64)
                #expect(refused.output.isEmpty)
                #expect(refused.errorOutput.contains("6 rows"))
                #expect(
                    refused.errorOutput.contains(
                        "convosync \(arguments.joined(separator: " ")) --config \(scenario.configurationPath) --yes"))
            }
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 6)
            #expect(try await scenario.run("outbox", "discard", "--state", "dead", "--dry-run").exitCode == 0)
            #expect(try await scenario.run("outbox", "discard", "--state", "dead", "--limit", "5").exitCode == 0)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'dead'") == 1)
            let done = try await scenario.run("outbox", "retry", "--state", "dead", "--state", "discarded", "--yes", "--json")
            #expect(done.exitCode == 0)
            #expect(try done.json["affected"]?.array?.count == 6)
        }
    }

    @Test func `show prints the body of the call, and the text of a message only on request`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1", body: "my secret parcel")
            try await scenario.sync()
            let message = try await scenario.number("SELECT id FROM outbox WHERE payload = 'message'")
            let state = try await scenario.number("SELECT id FROM outbox WHERE remote = 'vg'")
            let shown = try await scenario.run("outbox", "show", "\(message)", "\(state)").output
            #expect(shown.contains("      body: \"(16 characters; --body shows them)\""))
            #expect(!shown.contains("secret parcel"))
            #expect(shown.contains("    conversation\n      state: \"ai-chatting\""), "\(shown)")
            // In a pipe, times are ISO 8601.
            let written = try await scenario.text("SELECT created_at FROM outbox WHERE id = ?", [message]) ?? "-"
            #expect(shown.contains("written       \(written)"))
            #expect(!(try await scenario.run("outbox", "show", "\(message)", "--json").output.contains("my secret parcel")))
            #expect(try await scenario.run("outbox", "show", "\(message)", "--json", "--body").output.contains("my secret parcel"))
            #expect(try await scenario.run("outbox", "show", "\(message)", "--body").output.contains("body: \"my secret parcel\""))
        }
    }

    @Test func `plan recommends a release of rows held by the brake, and of no others`() async throws {
        try await withScenario({ configuration in
            configuration["brake", "touch_percent"] = "10"
            configuration["brake", "touch_min"] = "1"
        }) { scenario in
            try await scenario.addConversations(1...3)
            try scenario.world.setOptions(on: "fin") { $0.finStatus = "escalated" }
            try await scenario.addMessage("m1", to: "c1")
            try await scenario.sync()
            try await scenario.addMessage("m2", to: "c1")
            try await scenario.write("UPDATE conversations SET title = 'x'")
            try await scenario.sync()
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE held_by = 'fin' AND state = 'held'") == 1)
            let plan = try await scenario.run("plan", "--json").json
            #expect(plan["held"] == 7)
            #expect(plan["held_by"] == ["brake": 6, "fin": 1])
            #expect(plan["calls"]?.array?.first { $0["remote"] == "fin" }?["held_by"] == "fin")
            let text = try await scenario.run("plan").output
            #expect(text.contains("6 held by the brake: `convosync outbox release --held-by brake` sends"), "\(text)")
            #expect(text.contains("`convosync outbox discard --held-by brake` drops"))
            #expect(text.contains("1 held because Fin takes no message at present: `convosync outbox list --held-by fin`"))
            #expect(!text.contains("--state held"))
            let narrow = try await scenario.run("plan", "c2", "--remote", "vg").output
            #expect(
                narrow.contains("1 held by the brake: `convosync outbox release --held-by brake --remote vg --conversation c2` sends"),
                "\(narrow)")
            #expect(!narrow.contains("c1") && !narrow.contains("helpdesk"))
        }
    }

    @Test func `plan refuses a conversation that does not exist and a disabled remote`() async throws {
        try await withScenario({ $0["remotes.vg", "enabled"] = "false" }) { scenario in
            let conversation = try await scenario.run("plan", "nosuch")
            #expect(conversation.exitCode == 64)
            #expect(conversation.errorOutput.contains("there is no conversation \"nosuch\""))
            let remote = try await scenario.run("plan", "--remote", "vg")
            #expect(remote.exitCode == 64)
            #expect(remote.errorOutput.contains("vg is disabled in the configuration"))
        }
    }

    @Test func `ends that the brake holds at a disabled remote alarm nobody, and are not released`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try await scenario.write("UPDATE link_state SET braked_at = '2026-01-01T00:00:00.000Z' WHERE remote = 'vg'")
            #expect(try await scenario.run("status", "--json").json["held_ends"] == 1)
            try scenario.configure { $0["remotes.vg", "enabled"] = "false" }
            #expect(try await scenario.run("status", "--json").json["held_ends"] == 0)
            for remote in [[], ["--remote", "vg"]] {
                let process = try scenario.start(
                    ["outbox", "release", "--held-by", "brake", "--config", scenario.configurationPath] + remote)
                let result = try await process.end()
                #expect(result.exitCode == 0)
                #expect(result.output == "no rows match\nleft alone: ends of conversations at vg, which is disabled\n")
            }
            #expect(try await scenario.number("SELECT count(*) FROM link_state WHERE is_brake_released = 1") == 0)
            try scenario.configure { $0["remotes.vg", "enabled"] = nil }
            #expect(try await scenario.run("outbox", "release", "--held-by", "brake").output == "adopts the end of 1 conversation\n")
        }
    }
}
