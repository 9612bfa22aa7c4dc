import SyncCore

/// Whether Fin takes a reply now, by the last status it is known to have had in the conversation (docs/remotes/fin.md, "Holds").
package enum FinReplyGate {
    package enum Hold: Equatable, Sendable {
        /// Fin is at work; the hold ends with its next status, or at that moment.
        case until(Instant, reason: String)
        /// Fin is done with the conversation; the hold ends with another status, or by hand.
        case indefinitely(reason: String)
    }

    /// - Parameters:
    ///   - word: the last known status; nil where none is known: then a reply may go out.
    ///   - since: when it was reported.
    ///   - bound: how long a reply waits for Fin to finish its own at most. Not every event arrives (docs/remotes/fin.md, "Holds").
    package static func hold(word: String?, since: Instant?, bound: Duration, now: Instant) -> Hold? {
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
