import Foundation
import SyncCore
import SyncRemotes
import Testing

/// What responses mean, file by file: `Golden/KIND/responses`.
@Suite struct GoldenResponseTests {
    @Test(arguments: Golden.names(.helpdesk, .responses))
    func `responses of the helpdesk have the outcome that their files state`(_ name: String) throws { try check(.helpdesk, name) }

    @Test(arguments: Golden.names(.fin, .responses))
    func `responses of fin have the outcome that their files state`(_ name: String) throws { try check(.fin, name) }

    @Test(arguments: Golden.names(.voicebot, .responses))
    func `responses of voicebot have the outcome that their files state`(_ name: String) throws { try check(.voicebot, name) }

    @Test(arguments: Golden.names(.vg, .responses))
    func `responses of vg have the outcome that their files state`(_ name: String) throws { try check(.vg, name) }

    @Test(arguments: zip(Kinds.all, [15, 8, 12, 12]))
    func `every kind has its response files`(_ kind: Kind, _ atLeast: Int) {
        #expect(Golden.names(kind, .responses).count >= atLeast)
    }

    private static let now = Instant(milliseconds: 1_767_225_600_000)

    private func check(_ kind: Kind, _ name: String) throws {
        let file = try Golden.object(
            kind, .responses, name,
            members: ["name", "profile", "status", "headers", "body", "raw", "sent", "call_body", "token", "expect", "known_issue"])
        let expected = file["expect"]?.objectValue ?? [:]
        try Golden.check(
            expected, "expect",
            [
                "outcome", "fate", "error_contains", "lacks", "observed", "drift", "partial", "excerpt_contains", "not_before_s",
                "observation",
            ])
        let outcome = try read(kind, file)
        let adapter = kind.adapter(try Profile(golden: file["profile"], kind: kind))
        try Golden.withPossibleIssue(file) {
            #expect(outcome.outcome.rawValue == expected["outcome"]?.stringValue)
            #expect(outcome.fate == (expected["fate"] == "unknown" ? .unknown : .notApplied))
            let seen = outcome.observation.map(adapter.seenFields) ?? [:]
            for (field, value) in expected["observed"]?.objectValue ?? [:] { #expect(seen[field] == value, "\(field)") }
            if let observation = expected["observation"] {
                let wanted = observation == .null ? nil : try Observation(golden: observation)
                #expect(outcome.observation?.withoutCounts == wanted?.withoutCounts)
            }
            #expect(outcome.drift == Golden.strings(expected["drift"]))
            #expect(outcome.partialErrors == Golden.strings(expected["partial"]))
            #expect(outcome.notBefore.map { ($0 - Self.now).milliseconds / 1000 } == expected["not_before_s"]?.integerValue)
            expectTexts(outcome, expected)
        }
    }

    private func read(_ kind: Kind, _ file: JSONObject) throws -> DeliveryOutcome {
        let raw = file["raw"]?.stringValue ?? file["body"]?.text ?? ""
        let reply = HTTPReply(
            status: Int(try #require(file["status"]?.integerValue)),
            headers: (file["headers"]?.objectValue ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.stringValue }, body: Array(raw.utf8))
        let sent = file["sent"]?.objectValue
        let redaction = Redaction(
            credential: file["token"]?.stringValue, body: file["call_body"] ?? sent.map(JSONValue.object) ?? .null)
        let reader = ReplyReader(
            adapter: kind.adapter(try Profile(golden: file["profile"], kind: kind)), classifier: OutcomeClassifier())
        return reader.read(reply, delta: sent.map { Delta(fields: $0) }, redaction: redaction, now: Self.now)
    }

    private func expectTexts(_ outcome: DeliveryOutcome, _ expected: JSONObject) {
        let parts = Golden.strings(expected["error_contains"])
        if outcome.outcome == .delivered {
            #expect(outcome.error == nil)
            #expect(outcome.responseExcerpt == nil)
        } else {
            #expect(!parts.isEmpty, "a failure without a word about its error proves nothing")
            #expect(outcome.error?.count ?? 0 <= 400)
            #expect(outcome.responseExcerpt?.count ?? 0 <= 500)
        }
        for part in parts { #expect(outcome.error?.contains(part) == true, "\(outcome.error ?? "no error") lacks \(part)") }
        for part in Golden.strings(expected["excerpt_contains"]) { #expect(outcome.responseExcerpt?.contains(part) == true) }
        let everything = ([outcome.error, outcome.responseExcerpt].compactMap(\.self) + outcome.partialErrors).joined(separator: "\n")
        for part in Golden.strings(expected["lacks"]) { #expect(!everything.contains(part), "\(part) in: \(everything)") }
        #expect(outcome.error?.contains("\n") != true)
    }
}
