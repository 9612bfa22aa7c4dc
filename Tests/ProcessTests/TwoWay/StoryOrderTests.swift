import Fixtures
import Foundation
import Sandbox
import Testing

/// A report that is older than the known state is not adopted, however late it arrives.
@Suite(.serialized) struct StoryOrderTests {
    private static func ended(at remote: String) -> String { remote == "vg" ? "ended_chat" : remote == "helpdesk" ? "ended" : "done" }

    // MARK: Reads that lag

    @Test(arguments: ["vg", "helpdesk"]) func `a read that shows an earlier end is older than the acknowledged reopening`(
        remote: String
    ) async throws {
        try await withHistory(sql: "UPDATE conversations SET status = 'ended'") { scenario in
            try await scenario.nextSecond()
            // The previous state comes with its date.
            try scenario.world.setOptions(on: remote) { $0.laggingReads = 2 }
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.syncs(4)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(scenario.writeCount() == 3, "\(scenario.calls)")
            #expect(try await scenario.adopted("c1") == [])
            #expect(try await scenario.differences(at: ScenarioConfiguration.readable) == [])
        }
    }

    @Test func `a previous title in a lagging read is not adopted`() async throws {
        try await withHistory(at: ["helpdesk", "vg"], titles: true) { scenario in
            try await scenario.nextSecond()
            for remote in ["helpdesk", "vg"] { try scenario.world.setOptions(on: remote) { $0.laggingReads = 2 } }
            try await scenario.setTitle("The new title", of: "c1")
            try await scenario.syncs(4)
            #expect(try await scenario.title("c1") == "The new title")
            #expect(scenario.writeCount() == 2, "\(scenario.calls)")
        }
    }

    @Test func `without dates, a read after the acknowledgement that shows exactly the previous value is repeated`() async throws {
        try await withHistory(sql: "UPDATE conversations SET status = 'closed'") { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.laggingReads = 1 }
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(scenario.written("voicebot") == [["status": "in-progress"]], "\(scenario.calls)")
            #expect(scenario.writeCount() == 3, "\(scenario.calls)")
        }
    }

    @Test func `the previous user in such a read does not get the conversation back`() async throws {
        try await withHistory(at: ["voicebot"]) { scenario in
            try scenario.world.setOptions(on: "voicebot") { $0.laggingReads = 1 }
            try await scenario.write("UPDATE conversations SET assignee_id = 'bert'")
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/bert")
            #expect(scenario.written("voicebot") == [["user_id": 78]], "\(scenario.calls)")
        }
    }

    @Test(arguments: [WriteResponse.undated, .empty])
    func `the read is also repeated for a remote whose response to the call had no date`(response: WriteResponse) async throws {
        try await withHistory(at: ["vg"], sql: "UPDATE conversations SET status = 'ended'") { scenario in
            try scenario.world.setOptions(on: "vg") {
                $0.writeResponse = response
                $0.laggingReads = 1
            }
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(scenario.written("vg") == [["state": "human-chatting"]], "\(scenario.calls)")
        }
    }

    @Test func `a previous value that stays is adopted, because somebody set it again`() async throws {
        try await withHistory(at: ["voicebot"], sql: "UPDATE conversations SET status = 'closed'") { scenario in
            try await scenario.write("UPDATE conversations SET status = 'open'")
            try await scenario.syncs()
            try scenario.act(at: "voicebot", on: 1, ["status": "done"])
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "closed/anna")
            #expect(scenario.written("voicebot") == [["status": "in-progress"]], "\(scenario.calls)")
        }
    }

    // MARK: The customer wrote after the end

    @Test(arguments: ["vg", "helpdesk"])
    func `an end that is dated before the customer's last message loses, and the remote is corrected once`(remote: String) async throws {
        try await withHistory(titles: true) { scenario in
            try await scenario.nextSecond()
            try scenario.act(at: remote, on: 1, Self.ended(at: remote).status(at: remote))
            try await scenario.nextSecond()
            try await scenario.customerWrites()
            try await scenario.syncs(3)
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(try await scenario.adopted("c1") == [])
            #expect(scenario.writeCount(remote) == 1, "\(scenario.calls)")
            #expect(scenario.writeCount() == 1, "the others were told nothing: \(scenario.calls)")
            #expect(try await scenario.differences(at: ScenarioConfiguration.readable) == [])
        }
    }

    @Test func `an end that is dated after the customer's last message counts`() async throws {
        try await withHistory { scenario in
            try await scenario.customerWrites()
            try await scenario.nextSecond()
            try scenario.act(at: "vg", on: 1, ["state": "ended_chat"])
            try await scenario.syncs(2)
            #expect(try await scenario.local("c1") == "ended/anna")
            #expect(scenario.writeCount("vg") == 0, "\(scenario.calls)")
        }
    }

    // MARK: Restored from a backup

    @Test(arguments: ["vg", "helpdesk"])
    func `a remote that is restored to an older state is sent the present one, and the log says so`(remote: String) async throws {
        try await withHistory(titles: true) { scenario in
            try scenario.world.backUp(remote)
            try await scenario.nextSecond()
            try await scenario.write("UPDATE conversations SET status = 'ended', title = 'The new title'")
            try await scenario.syncs()
            #expect(try await scenario.differences(at: ScenarioConfiguration.readable) == [])
            scenario.world.clearRequests()
            try scenario.world.restore(remote)
            let events = try await scenario.syncs(5)
            #expect(events.named("remote.rolled_back", remote: remote).count == 1)
            #expect(try await scenario.local("c1") == "ended/anna")
            #expect(try await scenario.title("c1") == "The new title")
            #expect(try await scenario.adopted("c1") == [])
            #expect(scenario.writeCount(remote) == 1, "\(scenario.calls)")
            #expect(scenario.writeCount() == 1, "\(scenario.calls)")
            #expect(try await scenario.differences(at: ScenarioConfiguration.readable) == [])
        }
    }

    @Test func `an older state that reads show twice and then no longer is not a backup`() async throws {
        try await withHistory(at: ["vg"]) { scenario in
            try await scenario.nextSecond()
            try scenario.world.setOptions(on: "vg") { $0.laggingReads = 2 }
            try await scenario.write("UPDATE conversations SET status = 'ended'")
            let events = try await scenario.syncs(5)
            #expect(events.named("remote.rolled_back").isEmpty)
            #expect(try await scenario.local("c1") == "ended/anna")
            #expect(scenario.writeCount() == 1, "\(scenario.calls)")
        }
    }

    @Test func `the brake holds what is due for many conversations of a restored remote`() async throws {
        try await withHistory(
            8, at: ["helpdesk"],
            configure: {
                $0["brake", "finish_percent"] = "30"
                $0["brake", "finish_min"] = "2"
            }
        ) { scenario in
            try scenario.world.backUp("helpdesk")
            for numbers in ["'c1', 'c2'", "'c3', 'c4'", "'c5', 'c6'", "'c7', 'c8'"] {
                try await scenario.write("UPDATE conversations SET status = 'closed' WHERE id IN (\(numbers))")
                try await scenario.syncs()
            }
            scenario.world.clearRequests()
            try scenario.world.restore("helpdesk")
            let events = try await scenario.syncs(5)
            #expect(events.named("remote.rolled_back").count >= 1)
            #expect(scenario.writeCount() == 0, "\(scenario.calls)")
            #expect(try await scenario.number("SELECT count(*) FROM conversations WHERE status = 'closed'") == 8)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state = 'held'") == 8)
            #expect(try await scenario.run("status", "--json").json["remotes"]?["helpdesk"]?["held"] == 8)
            #expect(try await scenario.run("outbox", "release", "--held-by", "brake", "--yes").exitCode == 0)
            try await scenario.syncs(2)
            #expect(scenario.writeCount() == 8, "\(scenario.calls)")
            #expect(try await scenario.differences(at: ["helpdesk"]) == [])
        }
    }
}
