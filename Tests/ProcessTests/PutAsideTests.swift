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
            #expect(try await scenario.run("explain", "c2").output.contains("c2 is frozen"))
            #expect(try await scenario.run("explain", "c2", "--json").json["put_aside"]?.array?.count == 1)
            try await scenario.write("DROP TRIGGER app_check")
            try await scenario.setTitle("corrected", of: "c2")
            for remote in ["helpdesk", "vg"] { try await scenario.request(remote, containing: "corrected") }
            #expect(try await scenario.settle())
            #expect(try await scenario.differences() == [])
        }
    }
}
