import Testing

@testable import SyncCore

/// Rules of two-way synchronisation that ``TwoWayStoryTests`` does not show.
@Suite struct TwoWayLawTests {
    private static let annasOpen = LocalValues(status: .open, assigneeID: "anna")

    /// A remote that always wins and may always reopen: only the rule prevents our own values from being adopted as the remote's changes.
    private static let strongVoicebot = TwoWayWorld.Remote.voicebot.with { ($0.conflict, $0.reopening) = (.remote, .always) }

    @Test(arguments: [false, true])
    func `a lost call of ours is not a change at the remote, nor is an earlier one of two`(isFollowed: Bool) {
        var play = TwoWayPlay(Self.strongVoicebot, row: Self.annasOpen)
        play.world.act(.status, "closed")
        play.world.deliver(0, .lost)
        play.world.act(.status, "open")
        if isFollowed { play.world.deliver(0, .neverArrived) }
        play.world.read(0)
        play.world.deliver(0)
        play.world.read(0)
        #expect(play.status == .open)
        #expect(play.world.remotes[0].object["word"] == "in-progress")
    }

    @Test func `at the first contact the local state is sent once, and the remote's is not adopted`() {
        var play = TwoWayPlay(.voicebot, row: LocalValues(status: .open), isTold: false)
        play.world.act(at: 0, ["word": "done", "user": 78])
        play.world.read(0)
        #expect(play.world.local.values == LocalValues(status: .open))
        #expect(play.world.due(0) == ["word": "to-do"])
        for _ in 0..<3 {
            play.world.deliver(0)
            play.world.read(0)
        }
        #expect(play.world.local.values == LocalValues(status: .open))
        #expect(play.sent == [["word": "to-do"]])
    }

    @Test(arguments: [false, true])
    func `a lost call is not a change at the remote after another value was refused`(isEscaped: Bool) {
        var play = TwoWayPlay(
            .helpdesk.with { $0.conflict = .remote }, row: Self.annasOpen, storedForm: { isEscaped ? $0.uppercased() : $0 })
        play.world.act(.title, "a")
        play.world.deliver(0, .lost)
        play.world.act(.title, "b")
        play.world.deliver(0, refusing: "title")
        for _ in 0..<2 { play.world.read(0) }
        #expect(play.title == "b")
        #expect(play.world.due(0) == [:])
        #expect(play.field("title").note == .refused)
        play.world.act(at: 0, ["title": "T"])
        for _ in 0..<2 { play.world.read(0) }
        #expect(play.title == "T")
    }

    @Test(arguments: [false, true])
    func `a refused first call does not end the first contact`(isRead: Bool) {
        var play = TwoWayPlay(Self.strongVoicebot, row: LocalValues(status: .open), isTold: false)
        play.world.act(at: 0, ["word": "done"])
        play.world.deliver(0, refusing: "word")
        let due = play.world.decide(0)
        #expect(due == [:])
        if isRead { play.world.read(0) }
        #expect(play.status == .open)
        play.world.act(.assignee, "anna")
        #expect(play.world.due(0) == ["word": "in-progress", "user": 77])
    }

    @Test func `a status that the remote had before the first contact is due again when it is changed there until then`() {
        var play = TwoWayPlay(.helpdesk, row: LocalValues(status: .open, title: "Ours"), isTold: false)
        play.world.act(at: 0, ["word": "open"])
        play.world.read(0)
        #expect(play.world.due(0).keys.contains("title") && !play.world.due(0).keys.contains("word"))
        play.world.act(at: 0, ["word": "ended"])
        play.world.read(0)
        #expect(play.world.due(0)["word"] == "open")
        for _ in 0..<3 {
            play.world.deliver(0)
            play.world.read(0)
        }
        #expect(play.status == .open && play.world.remotes[0].object["word"] == "open")
        #expect(play.sent.count == 1)
    }

    @Test func `a status that the remote had before the first call is due again when the response to that call shows another one`() {
        var play = TwoWayPlay(.helpdesk, row: LocalValues(status: .open, title: "Ours"), isTold: false)
        play.world.act(at: 0, ["word": "open"])
        play.world.read(0)
        #expect(!play.world.due(0).keys.contains("word"))
        play.world.act(at: 0, ["word": "ended"])
        for _ in 0..<3 {
            play.world.deliver(0)
            play.world.read(0)
        }
        #expect(play.status == .open && play.world.remotes[0].object["word"] == "open")
        #expect(play.sent.count == 2 && play.sent.last == ["word": "open"])
    }

    @Test func `the AI takes no chat from a person, even at the first contact`() {
        var play = TwoWayPlay(.vg, isTold: false)
        play.world.act(at: 0, ["word": "human-chatting", "user": "c_anna"])
        play.world.read(0)
        play.world.deliver(0)
        play.world.read(0)
        #expect(play.sent == [])
        #expect(play.assignee == TwoWayKind.ai)
    }

    @Test func `the guard also considers the status that a lost call may have set`() {
        var play = TwoWayPlay(.vg, row: Self.annasOpen)
        play.world.act(.status, "closed")
        play.world.deliver(0, .lost)
        play.world.act(.status, "open")
        play.world.act(.assignee, TwoWayKind.ai)
        #expect(play.world.due(0) == ["word": "ended_chat"])
        play.world.deliver(0)
        #expect(play.world.due(0) == ["word": "ai-chatting"])
    }

    @Test func `an assignee who was set at the remote is not removed from here`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["user": 78])
        play.world.read(0)
        play.world.act(.assignee, TwoWayKind.ai)
        for _ in 0..<2 { play.world.deliver(0) }
        #expect(play.sent == [])
        #expect(play.world.remotes[0].object["user"] == 78)
    }

    @Test func `an assignee whom the remote restored is no longer ours to remove`() {
        var play = TwoWayPlay(.voicebot)
        play.world.act(.assignee, "anna")
        play.world.deliver(0)
        play.world.read(0)
        for user: JSONValue in [99, 77] {
            play.world.act(at: 0, ["user": user])
            for _ in 0..<2 { play.world.read(0) }
        }
        play.world.act(.assignee, nil)
        play.world.deliver(0)
        #expect(play.sent.last == ["word": "to-do"])
    }

    @Test func `a value that the remote already holds is not sent`() {
        var play = TwoWayPlay(.voicebot.with { $0.fields = [] }, row: Self.annasOpen)
        play.world.act(at: 0, ["word": "done"])
        play.world.read(0)
        play.world.act(.status, "closed")
        #expect(play.world.due(0) == [:])
    }

    @Test func `a read that began before the acknowledgement is dropped`() {
        var play = TwoWayPlay(.voicebot, row: LocalValues(status: .closed, assigneeID: "anna"))
        play.world.act(.status, "open")
        play.world.deliver(0)
        play.hear(0, ["word": "done"], began: play.world.now - .seconds(1))
        #expect(play.reception == .overtaken)
        #expect(play.status == .open)
    }

    @Test func `a read that something newer overtakes is made again, unless that lies in the future`() {
        var link = LinkRecord()
        link.lastHeardAt = TwoWayWorld.second(10)
        #expect(link.mustRead(after: .overtaken, now: TwoWayWorld.second(10)))
        #expect(!link.mustRead(after: .overtaken, now: TwoWayWorld.second(9)), "the next read would be overtaken as well")
        #expect(link.mustRead(after: .readAgain, now: TwoWayWorld.second(10)))
        for reception in [LinkRecord.Reception.stale, .rolledBack, .believed] {
            #expect(!link.mustRead(after: reception, now: TwoWayWorld.second(10)))
        }
    }

    @Test func `a changed status map is sent once, without a local change`() {
        var play = TwoWayPlay(.voicebot, row: LocalValues(status: .resolved, assigneeID: "anna"))
        var kind = TwoWayKind.voicebot
        for owner in Owner.allCases { kind.lens.outbound[LocalState(.resolved, owner)] = .word("to-do") }
        play.world.remotes[0].rules = kind.rules()
        #expect(play.world.due(0) == ["word": "to-do"])
        play.world.deliver(0)
        play.world.read(0)
        play.world.deliver(0)
        #expect(play.sent == [["word": "to-do"]])
        #expect(play.status == .resolved)
    }

    @Test func `a new row in users makes an unknown assignee known`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["user": 99])
        play.world.read(0)
        #expect(play.assignee == "anna")
        play.world.remotes[0].rules = TwoWayWorld.Remote.voicebot.seating("zoe", 99).rules
        _ = play.world.decide(0)
        #expect(play.assignee == "zoe")
    }

    @Test func `a field that is not adopted is sent, whatever the remote holds`() {
        var play = TwoWayPlay(.helpdesk.with { $0.fields = [.status] })
        play.world.act(at: 0, ["title": "T"])
        play.world.read(0)
        play.world.act(.title, "A")
        play.world.deliver(0)
        #expect(play.sent == [["title": "A"]])
    }

    @Test func `a lagging read does not confirm a recent change`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["user": 78])
        play.world.act(.assignee, nil)
        let isLagging = play.world.readLagging(0)
        #expect(isLagging)
        for _ in 0..<2 { play.world.read(0) }
        #expect(play.assignee == nil)
    }

    @Test func `the date of our own call is not the date of somebody else's change`() {
        var play = TwoWayPlay(.vg)
        play.world.act(at: 0, ["user": "c_bert"])
        play.world.act(.assignee, "anna")
        play.world.deliver(0, .empty)
        for _ in 0..<2 { play.world.read(0) }
        #expect(play.assignee == "anna")
    }

    @Test func `a call of ours does not date what the customer has written, and the next change at the remote does`() {
        let rules = TwoWayWorld.Remote.vg.rules
        var link = LinkRecord()
        func hear(_ count: Int64, date: Instant, at second: Int64) {
            let report = FieldReport(values: [:], date: date, began: TwoWayWorld.second(second), interactions: count)
            let reception = link.take(report, rules, now: TwoWayWorld.second(second))
            #expect(reception == .believed)
        }
        hear(1, date: TwoWayWorld.second(10), at: 20)
        let shown = FieldReport(
            values: ["word": "ended_chat"], date: TwoWayWorld.second(30), began: TwoWayWorld.second(29), interactions: 2)
        let isDoubtful = link.acknowledged(
            .init(sent: ["word": "ended_chat"], shown: shown), of: .init(repeating: 1), rules, now: TwoWayWorld.second(31))
        #expect(!isDoubtful && link.customerWroteAt == nil)
        hear(2, date: TwoWayWorld.second(30), at: 40)
        #expect(link.customerWroteAt == nil)
        hear(2, date: TwoWayWorld.second(50), at: 60)
        #expect(link.customerWroteAt == TwoWayWorld.second(50))
        // A date in the future counts as now, and one that is a day or more ahead is none.
        hear(3, date: TwoWayWorld.second(70) + .days(1), at: 70)
        #expect(link.customerWroteAt == TwoWayWorld.second(50))
        hear(3, date: TwoWayWorld.second(90), at: 80)
        #expect(link.customerWroteAt == TwoWayWorld.second(80))
    }

    @Test func `a later last message is the customer's only if more replies are counted, or none are`() {
        let rules = TwoWayWorld.Remote.vg.rules
        var link = LinkRecord()
        func hear(_ count: Int64?, lastMessage: Int64, at second: Int64) {
            let report = FieldReport(
                values: [:], began: TwoWayWorld.second(second), lastMessageAt: TwoWayWorld.second(lastMessage), interactions: count)
            let reception = link.take(report, rules, now: TwoWayWorld.second(second))
            #expect(reception == .believed)
        }
        hear(1, lastMessage: 10, at: 20)
        // The bot or a person over there has written.
        hear(1, lastMessage: 30, at: 40)
        #expect(link.customerWroteAt == nil)
        hear(2, lastMessage: 50, at: 60)
        #expect(link.customerWroteAt == TwoWayWorld.second(50))
        hear(2, lastMessage: 70, at: 80)
        #expect(link.customerWroteAt == TwoWayWorld.second(50))
        // Where replies are not counted, every message may be the customer's.
        hear(nil, lastMessage: 90, at: 100)
        #expect(link.customerWroteAt == TwoWayWorld.second(90))
    }

    @Test func `a value that is read with the date of our call is the form in which the remote stores it`() {
        var play = TwoWayPlay(.vg)
        play.world.act(.title, "long title")
        play.world.deliver(0)
        play.hear(0, ["title": "long"], date: play.world.remotes[0].date)
        #expect(play.title == "long title")
        #expect(play.world.due(0) == [:])
        #expect(play.field("title").note == .drift)
    }

    @Test func `after the first contact a difference is read twice`() {
        var play = TwoWayPlay(.voicebot, row: LocalValues(status: .open), isTold: false)
        play.world.deliver(0)
        play.hear(0, ["word": "done"])
        #expect(play.reception == .readAgain)
        #expect(play.status == .open)
    }

    @Test func `a response that shows another state than the call sent does not change what was agreed`() {
        var play = TwoWayPlay(.voicebot)
        let response = LinkRecord.Acknowledgement(
            sent: ["word": "done"], shown: .init(values: ["word": "in-progress", "user": .null], began: play.world.now))
        let (rules, now) = (play.world.remotes[0].rules, play.world.now)
        let isDoubtful = play.world.remotes[0].link.acknowledged(response, of: .init(repeating: 1), rules, now: now)
        #expect(isDoubtful)
        #expect(play.field("word").theirs == .value("done"))
    }

    @Test func `after an upgrade an assignee set at the remote is kept, and one set by us is removed`() {
        let rules = TwoWayWorld.Remote.voicebot.rules
        var link = LinkRecord()
        link.isKnown = true
        link.fields["word"] = FieldRecord(ours: .value("in-progress"), theirs: .value("in-progress"), held: .value("in-progress"))
        link.fields["user"] = FieldRecord(ours: .value(77), theirs: .value(99), held: .value(99), note: .drift)
        let local = LocalRow(Self.annasOpen, changedAt: .init(repeating: TwoWayWorld.second(0)), numbers: .init(repeating: 0))
        let decision = TwoWayDecision(link, local, rules, now: TwoWayWorld.second(10))
        #expect(decision.local == local)
        #expect(decision.send == [:])
        link.fields["user"] = FieldRecord(ours: .value(77), theirs: .value(77), held: .value(77), isByUs: true)
        var nobodys = local
        nobodys.values.assigneeID = nil
        #expect(TwoWayDecision(link, nobodys, rules, now: TwoWayWorld.second(10)).send == ["word": "to-do", "user": .null])
        link.fields["word"]?.doubt = ["done"]
        #expect(TwoWayDecision(link, local, rules, now: TwoWayWorld.second(10)).send == ["word": "in-progress"])
    }
}
