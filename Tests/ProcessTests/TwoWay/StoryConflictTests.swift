import Foundation
import Sandbox
import Testing

/// Both sides changed one attribute: one of them loses, and the log names the side and the values.
@Suite(.serialized) struct StoryConflictTests {
    enum Later: String, Sendable { case here, there }

    @Test(arguments: [Later.here, .there])
    func `of two ends the later one counts, and the log names the winner and both values`(later: Later) async throws {
        try await withHistory(at: ["helpdesk"]) { scenario in
            if later == .here {
                try scenario.act(at: "helpdesk", on: 1, ["status": "ended"])
                try await scenario.nextSecond()
            }
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            if later == .there {
                try await scenario.nextSecond()
                try scenario.act(at: "helpdesk", on: 1, ["status": "ended"])
            }
            let events = try await scenario.syncs(2)
            let conflicts = events.named("conflict.resolved", remote: "helpdesk")
            #expect(conflicts.count == 1)
            #expect(conflicts.first?["winner"]?.string == (later == .here ? "local" : "remote"))
            for value in ["closed", "ended"] { #expect(conflicts.first?.text.contains(value) == true, "\(conflicts)") }
            #expect(try await scenario.local("c1") == (later == .here ? "closed/anna" : "ended/anna"))
            #expect(scenario.writeCount() == (later == .here ? 1 : 0), "\(scenario.calls)")
            #expect(try await scenario.differences(at: ["helpdesk"]) == [])
        }
    }

    @Test func `a title that is adopted together with a status that lost makes the remote no winner`() async throws {
        try await withHistory(at: ["helpdesk"], titles: true) { scenario in
            try scenario.act(at: "helpdesk", on: 1, ["status": "ended", "title": "there"])
            try await scenario.nextSecond()
            try await scenario.write("UPDATE conversations SET status = 'closed'")
            let events = try await scenario.syncs(2)
            #expect(events.named("conflict.resolved").map { $0["winner"]?.string } == ["local"])
            #expect(try await scenario.local("c1") == "closed/anna")
            #expect(try await scenario.title("c1") == "there")
            #expect(try await scenario.differences(at: ["helpdesk"]) == [])
        }
    }

    /// voicebot reports that the conversation is unassigned, while somebody here has just been assigned.
    @Test func `an assignment here wins against an earlier unassigned to-do of voicebot, as a conflict`() async throws {
        try await withHistory(at: ["voicebot"], assignee: "bert") { scenario in
            try scenario.act(at: "voicebot", on: 1, ["status": "to-do", "user_id": .null])
            try await scenario.write("UPDATE conversations SET assignee_id = 'anna'")
            let events = try await scenario.syncs(2)
            #expect(events.named("conflict.resolved").map { $0["winner"]?.string } == ["local"])
            #expect(try await scenario.local("c1") == "open/anna")
            #expect(scenario.held("status", at: "voicebot") == "in-progress")
            #expect(scenario.held("user_id", at: "voicebot") == 77)
            #expect(scenario.writeCount() == 1, "\(scenario.calls)")
        }
    }

    @Test(arguments: [Later.here, .there]) func `of two titles the later one counts`(later: Later) async throws {
        try await withHistory(at: ["helpdesk", "vg"], titles: true) { scenario in
            try await scenario.nextSecond()
            if later == .here {
                try scenario.act(at: "vg", on: 1, ["title": "there"])
                try await scenario.nextSecond()
            }
            try await scenario.setTitle("here", of: "c1")
            if later == .there {
                try await scenario.nextSecond()
                try scenario.act(at: "vg", on: 1, ["title": "there"])
            }
            let events = try await scenario.syncs(2)
            #expect(try await scenario.title("c1") == later.rawValue)
            #expect(try await scenario.differences(at: ["helpdesk", "vg"]) == [])
            #expect(events.named("conflict.resolved", remote: "vg").count == 1)
            #expect(scenario.writeCount() == (later == .here ? 2 : 1), "\(scenario.calls)")
        }
    }
}
