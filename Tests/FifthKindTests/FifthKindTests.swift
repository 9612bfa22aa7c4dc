import SyncCore
import SyncDaemon
import SyncRemotes
import Testing

/// A further kind of remote needs a folder and a place in the list of kinds; no other part of the program knows about it.
@Suite struct FifthKindTests {
    private static let kinds = Kinds.all + [.tracker]
    private static let text = """
        [database]
        path = "/srv/app.db"
        [remotes.tracker]
        url = "https://tracker.example.com"
        token_file = "/etc/convosync/tracker.token"
        project = "support"
        adopt = ["status", "title"]
        [remotes.tracker.poll]
        interval = "1m"
        [remotes.tracker.paths]
        update_ticket = "/v2/projects/{project}/tickets/{id}"
        """

    private func remote() throws -> Remote {
        try #require(try ConfigurationFile.parse(Self.text, directory: "/", kinds: Self.kinds).remotes.first)
    }

    private func problems(_ text: String, kinds: [Kind]) -> [String] {
        do {
            _ = try ConfigurationFile.parse(text, directory: "/", kinds: kinds)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    private func snapshot(_ record: LinkRecord = .init(), status: LocalStatus = .open) -> LinkSnapshot {
        let conversation = Conversation(
            id: "c1", title: "Pricing", tags: [], attributes: [:], status: status, assigneeID: nil, lastUserReadAt: nil, user: nil,
            createdAt: "2026-03-01T11:00:00.000Z", updatedAt: "2026-03-01T11:00:00.000Z")
        let noon = Instant(milliseconds: 1_772_366_400_000)
        return LinkSnapshot(
            conversationID: "c1", remote: "tracker", link: Link(remoteID: "T/7"), conversation: conversation,
            local: LocalRow(
                LocalValues(conversation), changedAt: .init(repeating: noon - .hours(1)), numbers: .init(repeating: LocalRow.firstNumber)),
            record: record, now: noon)
    }

    // MARK: Configuration

    @Test func `a tracker is configured by its keys and operations`() throws {
        let remote = try remote()
        #expect(remote.kind == .tracker)
        #expect(remote.poll == PollSettings(interval: .minutes(1)))
        #expect(remote.profile.own.text("project") == "support")
        #expect(remote.participation.needsLink && !remote.participation.receivesMessages)
        #expect(remote.adapter.fingerprint.hasPrefix("kind=tracker;") && remote.adapter.fingerprint.contains("@/v2/projects/"))
    }

    @Test func `mistakes in a tracker's table are reported like those of every kind`() {
        let text = Self.text.replacing("\"support\"", with: "\"a/b\"").replacing("update_ticket", with: "update_tickt")
            .replacing("\"title\"", with: "\"tags\"")
        #expect(
            problems(text, kinds: Self.kinds) == [
                "line 6: remotes.tracker.project: is not the name of a project",
                "line 7: remotes.tracker.adopt: \"tags\" cannot be adopted from tracker; allowed: status, title",
                "line 11: remotes.tracker.paths.update_tickt: unknown key; did you mean \"update_ticket\"?",
            ])
        #expect(
            problems(
                Self.text + "\n[remotes.tracker.webhook]\nsecret_env = \"S\"\n[listen]\naddress = \"127.0.0.1:0\"\n", kinds: Self.kinds)
                == ["line 12: remotes.tracker.webhook: has no meaning for a remote of kind tracker: it does not call"])
    }

    @Test func `a key of the tracker is a mistake at a remote of another kind`() {
        let text = """
            [database]
            path = "/srv/app.db"
            [remotes.vg]
            url = "https://vg.example.org"
            token_env = "T"
            project = "support"
            """
        #expect(
            problems(text, kinds: Self.kinds)
                == ["line 6: remotes.vg.project: has no meaning for a remote of kind vg; only tracker has it"])
    }

    @Test func `the tracker is unknown to a program without it in its list of kinds`() {
        #expect(
            problems(Self.text, kinds: Kinds.all).contains(
                "line 3: remotes.tracker.kind: is missing, one of helpdesk, fin, voicebot, vg"))
    }

    @Test func `the lines that init writes for a tracker are valid, and name what has to be filled in`() throws {
        let starter = try StarterConfiguration(
            remotes: [.init("tickets=tracker", kinds: Self.kinds)], directory: "/etc/convosync", databasePath: "/srv/app.db")
        #expect(starter.placeholders == ["remotes.tickets.url", "remotes.tickets.project"])
        #expect(starter.text.contains("# FILL IN: the project of all tickets.\nproject = \"your-project\"\n"))
        #expect(!starter.text.contains("[remotes.tickets.webhook]"), "it does not call")
        #expect(problems(starter.text, kinds: Self.kinds) == [])
    }

    @Test func `the tracker's status map keeps the laws, alone and together with the others`() throws {
        let others = Kinds.all.map { $0.adapter(Profile(name: $0.name, kind: $0)) }
        #expect(StatusLaws.violations(of: [try remote().adapter]) == [])
        #expect(StatusLaws.violations(of: others + [try remote().adapter]) == [])
    }

    // MARK: Both directions

    @Test func `a conversation is planned as the tracker's call, and its response is read and acknowledged`() throws {
        let remote = try remote()
        guard case .send(let planned) = remote.adapter.plan(snapshot()).decision, let delta = planned.delta else {
            return _ = Issue.record("nothing is sent")
        }
        #expect(
            planned.call
                == OutboundCall(
                    operation: "update_ticket", method: "PUT", path: "/v2/projects/support/tickets/T%2F7",
                    body: ["state": "new", "subject": "Pricing"]))
        let outcome = ReplyReader(adapter: remote.adapter, classifier: remote.classifier).read(
            HTTPReply(status: 200, body: Array(#"{"id":"T/7","state":"new","subject":"Pricing"}"#.utf8)), delta: delta, about: "T/7",
            redaction: Redaction(credential: nil, body: .null), now: snapshot().now)
        #expect(outcome.outcome == .delivered && outcome.observation?.word == "new")
        let known = remote.adapter.acknowledge(
            delta.fields, outcome.observation, began: snapshot().now, numbers: .init(repeating: LocalRow.firstNumber), snapshot())
        #expect(remote.adapter.plan(snapshot(known.record)).decision == .upToDate(omissions: []))
        // A state without a date may be outdated: it counts when it was read once more.
        let closed = Observation(word: "closed", title: "Pricing")
        let first = remote.adapter.reconcile(closed, began: snapshot().now + .seconds(1), snapshot(known.record))
        #expect(first.verdict.mustRead)
        let second = remote.adapter.reconcile(closed, began: snapshot().now + .seconds(2), snapshot(first.record))
        #expect(second.changes.status == .closed)
    }

    @Test func `a ticket is read by its own call, and a 404 means that it is gone`() throws {
        let remote = try remote()
        let call = try remote.adapter.readCall(conversationID: "c1", link: Link(remoteID: "T-8"))
        #expect(
            call == OutboundCall(operation: "get_ticket", method: "GET", path: "/projects/support/tickets/T-8", body: .null))
        let absent = ReplyReader(adapter: remote.adapter, classifier: remote.classifier)
            .readState(HTTPReply(status: 404, body: Array(#"{"error":"no such ticket"}"#.utf8)), now: snapshot().now)
        #expect(absent.outcome.outcome == .gone)
    }
}
