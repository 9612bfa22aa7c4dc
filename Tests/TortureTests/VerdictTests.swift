import Testing

@testable import Torture

/// The comparison finds what a doctored history lacks or has too much.
@Suite struct VerdictTests {
    /// Two states of a conversation and three messages, all delivered once.
    private static func history() -> History {
        var journal = Journal()
        journal.states["c2"] = [
            Journal.State(title: "first", tags: ["new"], assignee: "teammate 1"),
            Journal.State(title: "second", tags: ["new"], status: "resolved", assignee: "teammate 2"),
        ]
        journal.messages["c2"] = ["message 1", "message 2", "message 3"]
        var history = History(journal: journal)
        history.calls = [
            call(1, "helpdesk", #"{"conversation_id":"c2","title":"first","tags":["new"],"status":"open","assignee_id":"teammate 1"}"#),
            call(2, "voicebot", #"{"status":"in-progress","user_id":1}"#),
            call(3, "fin", message(1)), call(4, "fin", message(2)),
            call(5, "vg", #"{"conversation":{"title":"second","tags":["new"],"state":"ended_chat"}}"#),
            call(6, "helpdesk", #"{"conversation_id":"c2","title":"second","status":"resolved","assignee_id":"teammate 2"}"#),
            call(7, "voicebot", #"{"status":"done","user_id":2}"#),
            call(8, "fin", message(3)),
        ]
        history.held = [
            "helpdesk": [
                "c2": [
                    "status": "resolved", "title": "second", "tags": ["new"], "assignee_id": "teammate 2",
                    "user": ["email": "u2@example.com"],
                ]
            ],
            "voicebot": ["2": ["status": "done", "user_id": 2]],
            "vg": ["v2": ["state": "ended_chat", "title": "second", "tags": ["new"], "userName": "User 2"]],
        ]
        history.tables.rows["c2"] = journal.states["c2"]?.last
        history.tables.messages = journal.messages
        history.tables.conversations = [
            Truth(
                conversation: "c2", status: "resolved", assignee: "teammate 2", title: "second", tags: ["new"], userName: "User 2",
                userEmail: "u2@example.com", voicebotID: "2", vgID: "v2", remoteUser: 2)
        ]
        return history
    }

    /// Begins and ends in second number `order`.
    private static func call(_ order: Int, _ remote: String, _ body: String) -> Call {
        Call(remote, "c2", key: "key \(order)", body: body, arrivedAt: order * 1000, finishedAt: order * 1000 + 10)
    }

    private static func message(_ number: Int) -> String {
        #"{"conversation_id":"c2","message":{"author":"user","body":"message \#(number)"}}"#
    }

    private func promises(_ doctor: (inout History) -> Void) -> Set<Verdict.Promise> {
        var history = Self.history()
        doctor(&history)
        return Set(Verdict(history).violations.map(\.promise))
    }

    @Test func `a history in which everything is right has no violations`() {
        #expect(Verdict(Self.history()).violations.map(\.evidence) == [])
    }

    @Test func `a message that did not arrive is lost`() {
        #expect(promises { $0.calls.remove(at: 3) } == [.lost])
        // The remote was called, and a fault kept the message from it.
        #expect(promises { $0.calls[3].isApplied = false } == [.lost])
    }

    @Test func `messages in another order are out of order`() {
        #expect(promises { ($0.calls[2].body, $0.calls[3].body) = ($0.calls[3].body, $0.calls[2].body) } == [.outOfOrder])
    }

    @Test func `a message that arrived twice, or that nobody wrote, is a violation`() {
        #expect(promises { $0.calls.append(Self.call(9, "fin", Self.message(3))) } == [.repeated])
        #expect(promises { $0.calls.append(Self.call(9, "fin", Self.message(4))) } == [.unwanted])
    }

    @Test func `an older state after a newer one is out of order`() {
        let older = Self.call(9, "helpdesk", #"{"conversation_id":"c2","title":"first"}"#)
        #expect(promises { $0.calls.append(older) } == [.outOfOrder, .unwanted])
        let olderUser = Self.call(9, "voicebot", #"{"user_id":1}"#)
        #expect(promises { $0.calls.append(olderUser) }.contains(.outOfOrder))
    }

    @Test func `a value that the application never wrote is unwanted`() {
        #expect(promises { $0.calls[6].body = #"{"status":"done","user_id":3}"# } == [.unwanted])
        // Both values were written, and never in one state.
        #expect(promises { $0.calls[6].body = #"{"status":"done","user_id":1}"# } == [.unwanted])
        #expect(promises { $0.calls[6].body = "nothing" } == [.unwanted])
        #expect(promises { $0.calls[6].conversation = "c3" }.contains(.unwanted))
        #expect(promises { $0.held["vg"]?["v3"] = ["state": "ended_chat"] } == [.unwanted])
    }

    @Test func `a call without a key, and a key with two bodies, are violations`() {
        #expect(promises { $0.calls[0].key = nil } == [.unwanted])
        #expect(promises { $0.calls[5].key = $0.calls[0].key }.contains(.unwanted))
    }

    @Test func `more different calls than changes are unwanted`() {
        let again = Self.call(9, "helpdesk", #"{"conversation_id":"c2","title":"second"}"#)
        #expect(promises { $0.calls.append(again) } == [.unwanted])
    }

    @Test func `a repeat of an acknowledged call needs a kill at which it was in flight`() {
        func repeated(_ history: inout History, at time: Int = 9000) {
            var again = history.calls[6]
            (again.arrivedAt, again.finishedAt) = (time, time + 10)
            history.calls.append(again)
        }
        #expect(promises { repeated(&$0) } == [.repeated])
        let kill = Kill(moment: "response", startedAt: 6500, killedAt: 7020, claimedKeys: ["key 7"])
        #expect(
            promises { history in
                repeated(&history); history.kills = [kill]
            } == [])
        // It was recorded, another process made it, or it came twice more.
        #expect(
            promises { history in
                repeated(&history)
                history.kills = [Kill(moment: "response", startedAt: 6500, killedAt: 7020, claimedKeys: ["key 6"])]
            } == [.repeated])
        #expect(
            promises { history in
                repeated(&history)
                history.kills = [Kill(moment: "response", startedAt: 3500, killedAt: 4020, claimedKeys: ["key 7"])]
            } == [.repeated])
        #expect(
            promises { history in
                repeated(&history)
                repeated(&history, at: 9500)
                history.kills = [kill]
            } == [.repeated])
        // After a failure every call is made again.
        #expect(
            promises { history in
                repeated(&history); history.calls[6].isAcknowledged = false
            } == [])
    }

    @Test func `a message that is repeated with another key is a violation`() {
        #expect(
            promises { history in
                history.calls[7].isApplied = false
                history.calls.append(Self.call(9, "fin", Self.message(3)))
            } == [.repeated])
    }

    @Test func `a call that begins before the one before it was answered is a violation`() {
        #expect(promises { $0.calls[0].finishedAt = 6001 } == [.overlapping])
        // Its process was killed: nobody waits for the response.
        #expect(
            promises { history in
                history.calls[0].finishedAt = 6001
                history.calls[0].isAnswered = false
                history.calls[0].isAcknowledged = false
            } == [])
    }

    @Test(arguments: ["helpdesk", "voicebot", "vg"])
    func `a remote that holds another state has lost a change`(remote: String) {
        #expect(
            promises { history in
                for id in history.held[remote]?.keys.map({ $0 }) ?? [] { history.held[remote]?[id] = ["status": "open", "state": "open"] }
            } == [.lost])
        #expect(promises { $0.held[remote] = nil } == [.lost])
    }

    @Test func `what a person did at a remote has to be in the local row`() {
        func share(_ history: inout History, ending status: String) {
            history.journal.acts["c2"] = 1
            history.journal.ends["c2"] = status
        }
        #expect(promises { share(&$0, ending: "resolved") } == [])
        #expect(promises { share(&$0, ending: "closed") } == [.lost])
    }

    @Test func `an application's row that is gone or different is a violation`() {
        #expect(promises { $0.tables.rows["c2"]?.title = "another" } == [.changedRow])
        #expect(promises { $0.tables.rows["c2"]?.status = "open" } == [.changedRow])
        #expect(promises { $0.tables.rows = [:] } == [.changedRow])
        #expect(promises { $0.tables.messages["c2"]?.removeLast() } == [.changedRow])
        #expect(promises { $0.tables.ownRows = ("user|u1", "") } == [.changedRow])
        #expect(promises { $0.tables.rows["c9"] = Journal.State(title: "added") } == [.changedRow])
    }

    @Test func `damage, what is not finished, calls at rest, failed processes, and a lock that is held for long are violations`() {
        #expect(promises { $0.tables.integrity = ["row 3 missing from index"] } == [.database])
        #expect(promises { $0.tables.unfinished = ["outbox|1|c2|vg|pending|-"] } == [.unfinished])
        #expect(promises { $0.callsAtRest = 1 } == [.notQuiet])
        #expect(promises { $0.failures = ["exit code 134"] } == [.process])
        #expect(promises { $0.journal.longestTransaction = .seconds(6) } == [.delayed])
    }

    @Test func `what a process was doing when it was killed follows from its calls and rows`() {
        func phase(_ kill: Kill) -> [Kill.Phase: Int] {
            var history = Self.history()
            history.kills = [kill]
            return Verdict(history).phases
        }
        let claimed: Set<String> = ["key 7"]
        #expect(phase(Kill(moment: "response", startedAt: 6500, killedAt: 7020, claimedKeys: claimed)) == [.recording: 1])
        #expect(phase(Kill(moment: "response", startedAt: 6500, killedAt: 7005, claimedKeys: claimed)) == [.inFlight: 1])
        #expect(phase(Kill(moment: "uptime", startedAt: 6500, killedAt: 6600, wasReady: false)) == [.starting: 1])
        #expect(phase(Kill(moment: "commit", startedAt: 6500, killedAt: 6600, hasUnplanned: true)) == [.planning: 1])
        #expect(phase(Kill(moment: "commit", startedAt: 6500, killedAt: 6600)) == [.idle: 1])
        #expect(phase(Kill(moment: "command", startedAt: 6500, killedAt: 6600, isSender: false)) == [.command: 1])
    }
}
