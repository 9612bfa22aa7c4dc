import Foundation
import Sandbox
import Testing

/// Remotes store titles in forms of their own. Such a form is drift: never adopted, and never corrected.
@Suite(.serialized) struct StoryTitleTests {
    static let eighty = String(repeating: "A very long title & ", count: 4)

    @Test(
        arguments: ["vg", "helpdesk"],
        [TitleForm(length: 60), TitleForm(escapesAmpersands: true), TitleForm(length: 7, escapesAmpersands: true, capitalises: true)]
    )
    func `a title that a remote stores in another form stays unchanged here, is sent once, and is logged once`(
        remote: String, form: TitleForm
    ) async throws {
        try await withHistory(at: [remote], titles: true) { scenario in
            try scenario.world.setOptions(on: remote) { $0.titleForm = form }
            try await scenario.setTitle(Self.eighty, of: "c1")
            let events = try await scenario.syncs(4)
            #expect(try await scenario.title("c1") == Self.eighty)
            #expect(scenario.held("title", at: remote) != .string(Self.eighty), "the remote has another form")
            #expect(scenario.writeCount(remote) == 1, "\(scenario.calls)")
            #expect(scenario.readCount(remote) >= 4)
            #expect(events.named("drift.detected", remote: remote).count == 1)
            #expect(events.named("conflict.resolved").isEmpty)
            #expect(try await scenario.adopted("c1") == [])
        }
    }

    /// The form becomes known with the first read.
    @Test(arguments: ["vg", "helpdesk"]) func `a title in another form is drift even without a body in the response`(remote: String)
        async throws
    {
        try await withHistory(at: [remote], titles: true) { scenario in
            try scenario.world.setOptions(on: remote) {
                $0.titleForm = TitleForm(length: 60)
                $0.writeResponse = .empty
            }
            try await scenario.setTitle(Self.eighty, of: "c1")
            try await scenario.syncs(4)
            #expect(try await scenario.title("c1") == Self.eighty)
            #expect(scenario.writeCount(remote) == 1, "\(scenario.calls)")
            #expect(try await scenario.adopted("c1") == [])
        }
    }

    @Test(
        arguments: [TitleForm(escapesAmpersands: true), TitleForm(capitalises: true)],
        [TitleForm(escapesAmpersands: true), TitleForm(length: 3), TitleForm(capitalises: true)])
    func `two remotes that store a title in forms of their own do not overwrite each other's titles in turn`(
        helpdesk: TitleForm, vg: TitleForm
    ) async throws {
        try await withHistory(at: ["helpdesk", "vg"], titles: true) { scenario in
            try scenario.world.setOptions(on: "helpdesk") { $0.titleForm = helpdesk }
            try scenario.world.setOptions(on: "vg") { $0.titleForm = vg }
            try await scenario.setTitle("a & bc", of: "c1")
            try await scenario.syncs(5)
            #expect(try await scenario.title("c1") == "a & bc")
            #expect(scenario.writeCount("helpdesk") == 1, "\(scenario.calls)")
            #expect(scenario.writeCount("vg") == 1, "\(scenario.calls)")
            #expect(scenario.readCount("helpdesk") >= 5 && scenario.readCount("vg") >= 5)
        }
    }

    @Test(arguments: ["vg", "helpdesk"])
    func `after a drift, a title that somebody sets at the remote is adopted`(remote: String) async throws {
        try await withHistory(at: [remote], titles: true) { scenario in
            try scenario.world.setOptions(on: remote) { $0.titleForm = TitleForm(length: 60) }
            try await scenario.setTitle(Self.eighty, of: "c1")
            try await scenario.syncs(2)
            try await scenario.nextSecond()
            try scenario.act(at: remote, on: 1, ["title": "Renamed over there"])
            try await scenario.syncs(2)
            #expect(try await scenario.title("c1") == "Renamed over there")
            #expect(scenario.writeCount(remote) == 1, "\(scenario.calls)")
        }
    }

    @Test(arguments: ["vg", "helpdesk"])
    func `a title that is set later at the remote fills an empty one here, and is sent to the others`(remote: String) async throws {
        let others = ["vg", "helpdesk"].filter { $0 != remote }
        try await withHistory(at: ["vg", "helpdesk"], titles: true, sql: "UPDATE conversations SET title = NULL") { scenario in
            try await scenario.nextSecond()
            try scenario.act(at: remote, on: 1, ["title": "Where is my parcel?"])
            try await scenario.syncs(2)
            #expect(try await scenario.title("c1") == "Where is my parcel?")
            #expect(scenario.held("title", at: others[0]) == "Where is my parcel?")
            #expect(scenario.writeCount(remote) == 0, "\(scenario.calls)")
            #expect(scenario.writeCount() == 1, "\(scenario.calls)")
        }
    }
}
