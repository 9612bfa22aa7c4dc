import Foundation
import Sandbox
import Testing

/// A conversation that cannot be planned blocks nothing; status and explain say why.
@Suite(.serialized) struct PutAsideTests {
    @Test func `a conversation that cannot be planned is put aside once, named, and sent when it is corrected`() async throws {
        try await withScenario { scenario in
            try await scenario.write(
                """
                CREATE TRIGGER app_check BEFORE INSERT ON outbox WHEN NEW.conversation_id = 'c2'
                BEGIN SELECT RAISE(ABORT, 'c2 is frozen'); END
                """)
            try await scenario.addConversations(1...3)
            let daemon = try await scenario.startDaemon()
            for remote in ["helpdesk", "vg", "voicebot"] { _ = try await scenario.requests(remote, reach: 2) }
            let event = try await daemon.event("plan.put_aside")
            #expect(event["conversation"] == "c2")
            #expect(event["error"]?.string?.contains("c2 is frozen") == true)
            try await scenario.setTitle("later", of: "c1")
            try await scenario.request("helpdesk", containing: "later")
            #expect(daemon.events("plan.put_aside").count == 1)
            #expect(daemon.events("plan.stalled").isEmpty)
            let status = try await scenario.run("status", "--json").json
            #expect(status["put_aside"] == 1)
            #expect(status["put_aside_rows"]?.array?.first?["conversation_id"] == "c2")
            #expect(status["unreadable"] == 0)
            #expect(try await scenario.run("status").output.contains("1 change cannot be planned and is put aside"))
            for remote in ["helpdesk", "vg", "voicebot"] {
                #expect(status["remotes"]?[remote]?["state"] == "put aside", "\(remote)")
                #expect(status["remotes"]?[remote]?["put_aside"] == 1, "\(remote)")
            }
            #expect(status["remotes"]?["fin"]?["state"] == "ok")
            let differences = try #require(try await scenario.run("diff", "--json").json["differences"]?.array)
            let ofC2 = differences.filter { $0["conversation"] == "c2" }
            let put = ofC2.filter { $0["reason"] == "put_aside" }
            #expect(Set(put.compactMap { $0["remote"]?.string }) == ["helpdesk", "vg", "voicebot"], "\(ofC2)")
            #expect(put.allSatisfy { $0["detail"]?.string?.contains("c2 is frozen") == true }, "\(put)")
            #expect(!ofC2.contains { $0["reason"] == "waiting" }, "\(ofC2)")
            #expect(try await scenario.run("explain", "c2").output.contains("next: a change is put aside, because it cannot be planned"))
            #expect(try await scenario.run("explain", "c2", "--json").json["put_aside"]?.array?.count == 1)
            try await scenario.write("DROP TRIGGER app_check")
            try await scenario.setTitle("corrected", of: "c2")
            for remote in ["helpdesk", "vg"] { try await scenario.request(remote, containing: "corrected") }
            #expect(try await scenario.settle())
            #expect(try await scenario.differences() == [])
        }
    }

    @Test func `a message that cannot be planned is a difference, and what comes next`() async throws {
        try await withScenario { scenario in
            try await scenario.write(
                """
                CREATE TRIGGER app_check BEFORE INSERT ON outbox WHEN NEW.message_id = 'm2'
                BEGIN SELECT RAISE(ABORT, 'm2 is frozen'); END
                """)
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1", createdAt: "2026-01-01T00:00:00.000Z")
            try await scenario.addMessage("m2", to: "c1", createdAt: "2026-01-01T00:00:01.000Z")
            _ = try await scenario.run("sync")
            let differences = try #require(try await scenario.run("diff", "--remote", "fin", "--json").json["differences"]?.array)
            let put = try #require(differences.first { $0["local"] == "m2" }, "\(differences)")
            #expect(put["reason"] == "put_aside")
            #expect(put["detail"]?.string?.contains("m2 is frozen") == true)
            let explained = try await scenario.run("explain", "c1", "--json").json
            #expect(explained["remotes"]?["fin"]?["next"]?.string?.contains("message m2 is put aside") == true, "\(explained)")
            #expect(explained["remotes"]?["vg"]?["next"]?.string?.contains("put aside") == false, "\(explained)")
            #expect(try await scenario.run("status", "--json").json["remotes"]?["fin"]?["put_aside"] == 1)
        }
    }
}
