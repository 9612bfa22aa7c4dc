import SyncCore
import SyncRemotes
import Testing

/// Fin takes no reply while it is working, and none after it has finished (docs/remotes/fin.md, "Holds").
@Suite struct FinReplyGateTests {
    private static let noon = Instant(milliseconds: 1_772_366_400_000)

    private func hold(_ word: String?, since: Instant?, now: Instant = noon) -> MessageHold? {
        FinReplyGate.hold(word: word, since: since, bound: .seconds(10), now: now)
    }

    @Test func `a reply is sent if Fin's status is unknown, or if Fin waits for the user`() {
        #expect(hold(nil, since: nil) == nil)
        #expect(hold("awaiting_user_reply", since: Self.noon) == nil)
        #expect(hold("a word of tomorrow", since: Self.noon) == nil)
    }

    @Test(arguments: ["thinking", "replying"])
    func `a reply waits for a bounded time while Fin is working`(word: String) {
        let since = Self.noon - .seconds(3)
        #expect(hold(word, since: since) == .until(since + .seconds(10), reason: "Fin's last status is \(word)"))
        #expect(hold(word, since: Self.noon - .milliseconds(9999)) != nil)
        // An event may be lost: after the bound the reply is sent.
        #expect(hold(word, since: Self.noon - .seconds(10)) == nil)
        #expect(hold(word, since: nil) == nil)
    }

    @Test func `a status with a date in the far future does not hold replies for ever`() {
        #expect(
            hold("thinking", since: Self.noon + .seconds(5)) == .until(Self.noon + .seconds(15), reason: "Fin's last status is thinking"))
        #expect(hold("thinking", since: Self.noon + .seconds(11)) == nil)
    }

    @Test(arguments: ["escalated", "resolved", "complete"])
    func `after Fin has finished a reply is held with the reason, however long ago that was`(word: String) {
        let reason = "Fin's last status is \(word), and it takes no replies after that"
        #expect(hold(word, since: Self.noon - .days(30)) == .indefinitely(reason: reason))
        #expect(hold(word, since: nil) == .indefinitely(reason: reason))
    }
}
