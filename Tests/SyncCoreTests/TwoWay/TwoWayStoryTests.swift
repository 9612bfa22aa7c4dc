import Testing

@testable import SyncCore

/// Situations that users of two-way bridges have met, with their right results. Only those that the rule decides are here; those that
/// queues, keys, webhooks and tables decide have tests of their own.
@Suite struct TwoWayStoryTests {
    private static let annasOpen = LocalValues(status: .open, assigneeID: "anna")

    @Test func `a title that the remote truncates stays whole here, and the difference is drift`() {
        var play = TwoWayPlay(.vg, storedForm: { String($0.prefix(6)) })
        play.world.act(.title, "eighty characters")
        play.world.deliver(0)
        for _ in 0..<2 { play.world.read(0) }
        play.world.deliver(0)
        #expect(play.title == "eighty characters")
        #expect(play.sent == [["title": "eighty characters"]])
        #expect(play.field("title").note == .drift)
    }

    @Test func `two remotes that escape a title do not overwrite each other's titles in turn`() {
        var play = TwoWayPlay(.helpdesk, .vg, storedForm: { $0.replacing("&", with: "&amp;") })
        play.world.act(.title, "A & B")
        for _ in 0..<5 {
            for index in 0...1 { play.world.deliver(index) }
            for index in 0...1 { play.world.read(index) }
        }
        #expect(play.title == "A & B")
        #expect(play.sent.count == 2)
    }

    @Test func `after a lagging copy showed another title, the one that was sent is not taken for its stored form`() {
        var play = TwoWayPlay(.helpdesk, storedForm: { $0.uppercased() })
        let floor = play.world.remotes[0].link.floor
        play.world.act(.title, "new")
        play.world.deliver(0)
        // The remote's clock is two seconds ahead, so the date in its response orders nothing yet.
        let date = play.world.now + .seconds(2)
        (play.world.remotes[0].link.floor, play.world.remotes[0].link.ownDate) = (floor, .date(date))
        play.hear(0, ["title": "older"], date: play.world.now)
        #expect(play.title == "older")
        for _ in 0..<2 { play.hear(0, ["title": "NEW"], date: date) }
        #expect(play.title == "NEW")
        #expect(play.sent == [["title": "new"]])
    }

    @Test func `an assignee at the remote who is unknown here is not overwritten by another change`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["user": 99])
        play.world.read(0)
        play.world.act(.title, "new")
        play.world.deliver(0)
        #expect(play.sent == [])
        #expect(play.assignee == "anna")
    }

    @Test func `a conversation that a colleague took and finished between two reads is theirs`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["word": "done", "user": 78])
        play.world.read(0)
        play.world.deliver(0)
        #expect(play.status == .closed)
        #expect(play.assignee == "bert")
        #expect(play.sent == [])
    }

    @Test func `a conversation that is reopened repeatedly is sent back three times, and then held`() {
        var play = TwoWayPlay(.helpdesk, row: Self.annasOpen)
        play.world.act(.status, "closed")
        play.world.deliver(0)
        for _ in 0..<9 {
            play.world.act(at: 0, ["word": "open"])
            play.world.read(0)
            play.world.deliver(0)
        }
        #expect(play.sent.count == 1 + 3)
        #expect(play.world.remotes[0].link.hold == .value("open"))
        #expect(play.status == .closed)
    }

    @Test func `of two people who share an account the present assignee keeps the conversation`() {
        var play = TwoWayPlay(.voicebot.seating("zoe", 77), row: LocalValues(status: .open, assigneeID: "zoe"))
        play.world.act(at: 0, ["word": "done"])
        play.world.read(0)
        play.world.customerWrites()
        play.world.act(at: 0, ["word": "in-progress"])
        for _ in 0..<2 { play.world.read(0) }
        #expect(play.status == .open)
        #expect(play.assignee == "zoe")
        #expect(play.sent == [])
    }

    @Test(arguments: [AdoptionPolicy.Conflict.remote, .newest, .local], [false, true])
    func `a conversation reopened here stays open when a read shows another spelling of the end that we sent`(
        conflict: AdoptionPolicy.Conflict, isLost: Bool
    ) {
        var play = TwoWayPlay(.vg.with { ($0.conflict, $0.reopening) = (conflict, .always) }, row: Self.annasOpen)
        play.world.act(.status, "closed")
        play.world.deliver(0, isLost ? .lost : .empty)
        play.world.act(.status, "open")
        for _ in 0..<2 { play.hear(0, ["word": "completed"]) }
        #expect(play.status == .open)
        play.world.deliver(0)
        #expect(play.status == .open)
        #expect(play.sent.last == ["word": "human-chatting"])
        #expect(play.world.remotes[0].object["word"] == "human-chatting")
    }

    @Test func `a later different spelling of an agreed end is not a change`() {
        var play = TwoWayPlay(.vg, row: Self.annasOpen)
        play.world.act(.status, "closed")
        play.world.deliver(0)
        for word in ["completed", "ended_chat", "completed"] as [JSONValue] {
            for _ in 0..<2 { play.hear(0, ["word": word]) }
            #expect(play.field("word").theirs == .value(word))
            #expect(play.findings == [])
        }
        #expect(play.status == .closed)
        #expect(play.sent.count == 1)
    }

    @Test func `a conversation reopened here stays open when a response to another change spells the sent end differently`() {
        var play = TwoWayPlay(.vg.with { ($0.conflict, $0.reopening) = (.remote, .always) }, row: Self.annasOpen)
        play.world.act(.status, "closed")
        play.world.deliver(0)
        play.world.remotes[0].object["word"] = "completed"
        play.world.act(.title, "later")
        play.world.deliver(0, .overlapped)
        #expect(play.sent.last == ["title": "later"])
        #expect(play.status == .open)
        play.world.deliver(0)
        #expect(play.sent.last == ["word": "human-chatting"])
        #expect(play.status == .open)
    }

    @Test(arguments: [(JSONValue?.none, "anna"), (.null, nil)] as [(JSONValue?, String?)])
    func `a conversation that the customer reopens goes to the assignee whom the remote names`(user: JSONValue?, assignee: String?) {
        var play = TwoWayPlay(.voicebot, row: LocalValues(status: .closed, assigneeID: "anna"))
        play.world.customerWrites()
        var change: Fields = ["word": "to-do"]
        change["user"] = user
        play.world.act(at: 0, change)
        play.world.read(0)
        play.world.deliver(0)
        #expect(play.status == .open)
        #expect(play.assignee == assignee)
        #expect(play.sent == [])
    }

    @Test func `a state that the remote dates before the last call is stale`() throws {
        var play = TwoWayPlay(.vg, row: LocalValues(status: .ended, assigneeID: "anna"))
        play.world.act(.status, "open")
        play.world.deliver(0)
        let floor = try #require(play.world.remotes[0].link.floor)
        play.hear(0, ["word": "ended_chat"], date: floor - .seconds(1))
        #expect(play.reception == .stale)
        #expect(play.status == .open)
        #expect(play.world.due(0) == [:])
    }

    @Test func `the previous state without a date is read once more before it is accepted`() {
        var play = TwoWayPlay(.voicebot, row: LocalValues(status: .closed, assigneeID: "anna"))
        play.world.act(.status, "open")
        play.world.deliver(0)
        let isLagging = play.world.readLagging(0)
        #expect(isLagging)
        play.world.read(0)
        play.world.deliver(0)
        #expect(play.status == .open)
        #expect(play.sent.count == 1)
    }

    @Test func `a refused assignee does not keep the status from being sent`() {
        var play = TwoWayPlay(.voicebot)
        play.world.act(.assignee, "anna")
        play.world.act(.status, "closed")
        play.world.deliver(0, refusing: "user")
        for _ in 0..<2 { play.world.deliver(0) }
        #expect(play.sent == [["word": "done"]])
        #expect(play.field("user").note == .refused)
    }

    @Test func `a refused assignee is sent again when it changes`() {
        var play = TwoWayPlay(.helpdesk)
        play.world.act(.assignee, TwoWayKind.unknown)
        play.world.act(.status, "closed")
        play.world.act(.title, "T")
        play.world.deliver(0, refusing: "assignee")
        for _ in 0..<2 { play.world.deliver(0) }
        #expect(play.sent == [["word": "closed", "title": "T"]])
        play.world.act(.assignee, "bert")
        #expect(play.world.due(0) == ["assignee": "bert"])
    }

    @Test func `an assignee beside a status value without a meaning is adopted when the status has one`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["word": "snoozed", "user": 78])
        play.world.read(0)
        #expect(play.assignee == "anna")
        play.world.act(at: 0, ["word": "in-progress"])
        for _ in 0..<2 { play.world.read(0) }
        play.world.deliver(0)
        #expect(play.assignee == "bert")
        #expect(play.sent == [])
    }

    @Test func `an assignee removed at the remote and then assigned here again is sent`() {
        var play = TwoWayPlay(.voicebot, row: Self.annasOpen)
        play.world.act(at: 0, ["user": .null])
        play.world.read(0)
        play.world.act(.assignee, nil)
        play.world.deliver(0)
        play.world.act(.assignee, "anna")
        play.world.deliver(0)
        #expect(play.sent.last?["user"] == 77)
        #expect(play.assignee == "anna")
    }

    @Test func `an end that the remote dates before the customer's message loses to it`() throws {
        var play = TwoWayPlay(.vg, row: Self.annasOpen, now: TwoWayWorld.second(100))
        play.world.now = play.world.now + .seconds(10)
        play.world.customerWrites()
        let wrote = try #require(play.world.local.customerWroteAt)
        play.hear(0, ["word": "ended_chat"], date: wrote - .seconds(2))
        #expect(play.findings == [.endedBeforeTheMessage])
        #expect(play.status == .open)
        for _ in 0..<2 { play.world.deliver(0) }
        #expect(play.sent == [["word": "human-chatting"]])
    }

    @Test func `a title that is changed later at the remote is adopted`() {
        var play = TwoWayPlay(.vg)
        play.world.act(at: 0, ["title": "later"])
        play.world.read(0)
        #expect(play.title == "later")
    }

    @Test(arguments: [("human-chatting", ["word": "ended_chat"]), ("completed", [:])] as [(JSONValue, Fields)])
    func `an older state that stays at the remote makes the local state due, unless both mean the same`(word: JSONValue, due: Fields) {
        var play = TwoWayPlay(.vg, row: Self.annasOpen, now: TwoWayWorld.second(9000))
        play.world.act(.status, "closed")
        play.world.deliver(0)
        play.hearBackup(["word": word], date: TwoWayWorld.second(1800))
        #expect(play.field("word").theirs == .value(word))
        #expect(play.status == .closed)
        #expect(play.world.due(0) == due)
    }

    @Test func `a backup from before a value without a meaning reverts that value`() {
        var play = TwoWayPlay(.vg, row: Self.annasOpen, now: TwoWayWorld.second(9000))
        play.world.act(.status, "closed")
        play.world.deliver(0)
        play.hear(0, ["word": "on-hold"])
        #expect(play.field("word").held == .value("on-hold"))
        play.hearBackup(["word": "ended_chat"], date: TwoWayWorld.second(1800))
        #expect(play.field("word").held == .value("ended_chat"))
        #expect(play.world.due(0) == [:])
    }

    @Test func `a person who is named on an ended chat reopens it`() {
        var play = TwoWayPlay(.vg, row: LocalValues(status: .ended, assigneeID: TwoWayKind.ai))
        play.world.act(at: 0, ["word": "human-chatting", "user": "c_bert"])
        play.world.read(0)
        play.world.deliver(0)
        #expect(play.status == .open)
        #expect(play.assignee == "bert")
        #expect(play.sent == [])
    }
}
