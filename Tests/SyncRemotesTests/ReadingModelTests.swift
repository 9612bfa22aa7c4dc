import Fixtures
import SyncCore
import SyncRemotes
import Testing

/// Properties of reading, over random responses. A failing case prints its kind and seed.
@Suite struct ReadingModelTests {
    private static func profile(_ kind: Kind) -> Profile { Profile(name: "remote", kind: kind, agentID: "agent9") }
    private static let readable: [Kind] = [.helpdesk, .voicebot, .vg]

    @Test(arguments: readable, Array(UInt64(1)...60))
    func `a response in the documented form is read without loss`(_ kind: Kind, _ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let adapter = kind.adapter(Self.profile(kind))
        for step in 0..<50 {
            let (object, observation) = random.conversation(kind)
            let comment: Comment = "kind \(kind.name), seed \(seed), step \(step)"
            let text = JSONValue.object(["data": .object(object)]).text
            #expect(try adapter.conversation(in: JSONValue(text: text)) == observation, comment)
            let written = adapter.read(
                try JSONValue(text: text), of: DeliveryOutcome(.delivered, httpStatus: 200), delta: Delta(fields: [:]))
            #expect(written.observation == observation, "answer to a write, \(comment)")
        }
    }

    @Test(arguments: [Kind.voicebot, .vg], Array(UInt64(101)...120))
    func `a list that is read page by page contains every conversation once`(_ kind: Kind, _ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let adapter = kind.adapter(Self.profile(kind))
        let sizes = (0..<Int.random(in: 1...8, using: &random)).map { _ in Int.random(in: 1...20, using: &random) }
        var rows: [ListPage.Row] = []
        var token: PageToken?
        for (index, size) in sizes.enumerated() {
            let call = try #require(adapter.listCall(agent: nil, after: token))
            #expect(call.method == "GET" && call.body == .null)
            if index > 0 { #expect(call.path.hasSuffix(kind == .vg ? "cursor=c%2F\(index)" : "page=\(index + 1)")) }
            let data = (0..<size).map { number -> JSONValue in
                var object = random.conversation(kind).object
                object[kind == .vg ? "ID" : "id"] = .integer(Int64(index * 100 + number))
                return .object(object)
            }
            let isLast = index + 1 == sizes.count
            let body: JSONValue =
                kind == .vg
                ? ["data": .array(data), "hasMore": .bool(!isLast), "nextCursor": isLast ? .null : .string("c/\(index + 1)")]
                : [
                    "data": .array(data), "meta": ["current_page": .integer(Int64(index + 1))],
                    "links": ["next": isLast ? .null : .string("https://other.example.com/x?page=\(index + 2)")],
                ]
            let page = try adapter.page(in: body, after: token)
            rows += page.rows
            token = page.next
            #expect((token == nil) == isLast, "seed \(seed), page \(index)")
        }
        #expect(rows.count == sizes.reduce(0, +), "seed \(seed)")
        #expect(Set(rows.map(\.remoteID)).count == rows.count, "seed \(seed)")
    }

    /// No response stops the program, and what is read stays within its limits.
    @Test(arguments: Kinds.all, Array(UInt64(201)...240))
    func `any response is read or refused`(_ kind: Kind, _ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let adapter = kind.adapter(Self.profile(kind))
        for _ in 0..<100 {
            let body = random.answer(depth: 0)
            if let page = try? adapter.page(in: body, after: PageToken("page=2")) {
                for row in page.rows { expectBounds(row.observation, adapter, seed) }
                if let next = page.next { #expect(adapter.listCall(agent: nil, after: next) != nil, "seed \(seed)") }
            }
            if let observation = try? adapter.conversation(in: body) { expectBounds(observation, adapter, seed) }
            let written = adapter.read(body, of: DeliveryOutcome(.delivered, httpStatus: 200), delta: Delta(fields: ["status": "open"]))
            if let observation = written.observation { expectBounds(observation, adapter, seed) }
        }
    }

    private func expectBounds(_ observation: Observation, _ adapter: any Adapter, _ seed: UInt64) {
        #expect(observation.word?.isEmpty != true, "seed \(seed)")
        #expect(observation.assignee != .somebody(""), "seed \(seed)")
        if let changedAt = observation.changedAt {
            #expect(Instant(iso8601: changedAt.iso8601) == changedAt, "seed \(seed)")
        }
        let seen = adapter.seenFields(observation)
        #expect(Set(seen.keys).isSubset(of: [adapter.statusField, adapter.assigneeField, "title", "tags"].compactMap(\.self)))
    }

    @Test(
        arguments: [
            (Kind.voicebot, "7", 7), (.voicebot, "-1", -1), (.voicebot, "9223372036854775807", 9_223_372_036_854_775_807),
            (.vg, "client_7", "client_7"),
        ] as [(Kind, String, JSONValue)])
    func `an assignee is kept in the form in which it is sent`(_ kind: Kind, _ id: String, _ kept: JSONValue) throws {
        let adapter = kind.adapter(Self.profile(kind))
        let field = try #require(adapter.assigneeField)
        let fields = adapter.seenFields(Observation(assignee: .somebody(id)))
        #expect(fields[field]?.text == kept.text)
    }

    /// vg's ids are texts. Kept as numbers they lose zeros, and never equal what a configured field sends.
    @Test(arguments: ["7", "007", "+7", "-0"])
    func `an assignee of vg that looks like a number stays a text`(_ id: String) {
        let adapter = Kind.vg.adapter(Self.profile(.vg))
        let fields = adapter.seenFields(Observation(assignee: .somebody(id)))
        #expect(fields["chatAssignedTo"] == .string(id))
    }

    @Test func `reading the assignee does not make it part of what is sent`() {
        let adapter = Kind.vg.adapter(Self.profile(.vg))
        let conversation = Conversation(id: "c1", assigneeID: "agent_jane")
        #expect(adapter.project(conversation, seats: .init("agent_jane", "client_9")).fields["chatAssignedTo"] == nil)
        let snapshot = LinkSnapshot(
            conversation, base: ["chatAssignedTo": "client_7"], inDoubt: ["chatAssignedTo": "client_7"],
            seen: ["chatAssignedTo": "client_8"], seat: "client_9")
        guard case .send(let planned) = adapter.plan(snapshot).decision else {
            Issue.record("nothing is due")
            return
        }
        #expect(planned.delta?.fields["chatAssignedTo"] == nil)
    }
}
