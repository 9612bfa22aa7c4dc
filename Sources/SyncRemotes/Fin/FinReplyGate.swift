import SyncCore

/// Decides whether Fin takes a reply now, by its last known status in the conversation (docs/remotes/fin.md, "Holds").
package enum FinReplyGate {
    /// - Parameters:
    ///   - word: the last known status; nil if none is known: then a reply may be sent.
    ///   - since: when it was reported.
    ///   - bound: the longest time that a reply waits for Fin to finish its own. Not every event arrives (docs/remotes/fin.md, "Holds").
    package static func hold(word: String?, since: Instant?, bound: Duration, now: Instant) -> MessageHold? {
        switch word {
        case "thinking", "replying":
            guard let word, let since, now < since + bound, now >= since - bound else { return nil }
            return .until(since + bound, reason: "Fin's last status is \(word)")
        case "escalated", "resolved", "complete":
            return .indefinitely(reason: "Fin's last status is \(word ?? ""), and it takes no replies after that")
        default:
            return nil
        }
    }
}
