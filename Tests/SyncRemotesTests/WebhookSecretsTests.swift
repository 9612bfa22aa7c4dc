import SyncCore
import Testing

@testable import SyncRemotes

/// Which secrets count while one is being replaced.
@Suite struct WebhookSecretsTests {
    private static let noon = Instant(milliseconds: 1_772_366_400_000)
    private static let old = "old-secret"
    private static let new = "new-secret"

    /// Those of the given secrets that count.
    private func counting(_ secrets: inout WebhookSecrets, at span: Duration, of texts: [String] = [old, new]) -> [String] {
        let counting = secrets.counting(now: Self.noon + span)
        return texts.filter { text in counting.contains { $0.matches(text) } }
    }

    @Test func `the former secret counts for five minutes, and then only the new one`() {
        var secrets = WebhookSecrets(WebhookSecret(Self.old))
        #expect(counting(&secrets, at: .zero) == [Self.old])
        secrets.replace(with: WebhookSecret(Self.new), now: Self.noon)
        for span in [Duration.zero, .minutes(4), .milliseconds(299_999)] {
            #expect(counting(&secrets, at: span) == [Self.old, Self.new])
        }
        #expect(counting(&secrets, at: .minutes(5)) == [Self.new])
        #expect(counting(&secrets, at: .zero) == [Self.new], "what is over does not come back when the clock is set back")
    }

    @Test func `a clock that is set back does not extend the five minutes`() {
        var secrets = WebhookSecrets(WebhookSecret(Self.old))
        secrets.replace(with: WebhookSecret(Self.new), now: Self.noon)
        #expect(counting(&secrets, at: .hours(-3)) == [Self.old, Self.new])
        #expect(counting(&secrets, at: .hours(-3) + .minutes(5)) == [Self.new])
    }

    @Test func `the same secret again changes nothing, and a former one can return`() {
        var secrets = WebhookSecrets(WebhookSecret(Self.old))
        secrets.replace(with: WebhookSecret(Self.new), now: Self.noon)
        secrets.replace(with: WebhookSecret(Self.new), now: Self.noon + .minutes(4))
        #expect(counting(&secrets, at: .minutes(5)) == [Self.new], "the five minutes do not begin anew")
        secrets.replace(with: WebhookSecret(Self.old), now: Self.noon + .minutes(6))
        #expect(counting(&secrets, at: .minutes(7)) == [Self.old, Self.new])
        #expect(counting(&secrets, at: .minutes(11)) == [Self.old])
    }

    @Test func `of many replacements only the latest secrets count`() {
        var secrets = WebhookSecrets(WebhookSecret("s0"))
        let texts = (0...6).map { "s\($0)" }
        for text in texts.dropFirst() { secrets.replace(with: WebhookSecret(text), now: Self.noon) }
        #expect(counting(&secrets, at: .seconds(1), of: texts) == ["s3", "s4", "s5", "s6"])
    }

    @Test func `every kind of call is verified with every secret that counts`() throws {
        for kind in Kinds.all {
            var reader = Signed.reader(kind)
            reader.secrets = [WebhookSecret("another"), WebhookSecret(Signed.secret)]
            #expect(throws: Never.self) { try Signed.read(kind, by: reader) }
            reader.secrets = [WebhookSecret("another")]
            #expect(throws: WebhookRejection.wrongSignature) { try Signed.read(kind, by: reader) }
        }
    }

    @Test func `a proof that cannot be right is refused before the body arrives`() {
        for kind in [Kind.fin, .voicebot, .helpdesk] {
            #expect(Signed.reader(kind).rejection(of: nil) == .unsigned)
            #expect(Signed.reader(kind).rejection(of: "") == .unsigned)
            #expect(Signed.reader(kind).rejection(of: "sha256=abc") == .wrongSignature)
        }
        let code = "sha256=" + String(repeating: "0", count: 64)
        #expect(Signed.reader(.fin).rejection(of: code) == nil, "whether it is right is known with the body")
        #expect(Signed.reader(.helpdesk).rejection(of: Signed.secret) == nil)
        #expect(Signed.reader(.vg).rejection(of: nil) == nil, "its proof is in the body")
    }
}
