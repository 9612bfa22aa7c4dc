import SyncCore
import SyncStore

/// The result of `resume`, and what the remote's rows still wait for.
struct ResumeView {
    /// A reason why nothing was, or is, sent.
    struct Hold {
        /// A name for programs: pause, throttle, breaker, retries, park, disabled.
        var name: String
        /// A clause for people.
        var text: String
        var details: JSONObject = [:]

        var json: JSONValue {
            var object = details
            object["hold"] = .string(name)
            return .object(object)
        }
    }

    let remote: String
    let resumption: Resumption
    let isDisabled: Bool
    /// `--now`.
    let attemptsNow: Bool
    let now: Instant

    var lifted: [Hold] {
        let before = resumption.before
        var holds: [Hold] = []
        if let since = before.pausedAt {
            holds.append(Hold(name: "pause", text: "the pause (\(time(since)))", details: ["since": .string(since.iso8601)]))
        }
        if let until = before.throttledUntil, until > now {
            holds.append(Hold(name: "throttle", text: "the throttle (its end: \(time(until)))", details: ["until": .string(until.iso8601)]))
        }
        if attemptsNow, let until = before.breakerOpenUntil, until > now {
            holds.append(
                Hold(
                    name: "breaker", text: "the pause of the breaker (its end: \(time(until)))", details: ["until": .string(until.iso8601)])
            )
        }
        if resumption.madeDue > 0 {
            holds.append(
                Hold(
                    name: "retries", text: "the wait of \(rows(resumption.madeDue)) for the next attempt",
                    details: ["rows": .integer(Int64(resumption.madeDue))]))
        }
        return holds
    }

    var remaining: [Hold] {
        let after = resumption.after
        var holds: [Hold] = []
        if isDisabled { holds.append(Hold(name: "disabled", text: "it is disabled in the configuration: nothing is sent there")) }
        if let since = after.parkedAt {
            let reason = after.parkReason ?? "refused"
            holds.append(
                Hold(
                    name: "park",
                    text: "it is parked (\(time(since)), \(reason)): one call is tried at once, and the rest follows if that succeeds",
                    details: ["since": .string(since.iso8601), "reason": .string(reason)]))
        }
        if let until = after.breakerOpenUntil {
            let text =
                until > now
                ? "its breaker is open (next call: \(time(until))); `convosync resume --now \(remote)` has it tried at once"
                : "its breaker is half-open: one call is tried at once, and the rest follows if that succeeds"
            holds.append(Hold(name: "breaker", text: text, details: ["until": .string(until.iso8601)]))
        }
        if resumption.waiting > 0 {
            let first = resumption.nextDueAt.map { ", the first \(time($0))" } ?? ""
            holds.append(
                Hold(
                    name: "retries",
                    text: "\(rows(resumption.waiting)) wait\(resumption.waiting == 1 ? "s" : "") for the next attempt\(first); "
                        + "`convosync resume --now \(remote)` makes them due",
                    details: ["rows": .integer(Int64(resumption.waiting)), "next_due_at": .nullable(resumption.nextDueAt?.iso8601)]))
        }
        return holds
    }

    var lines: [String] {
        let lifted = lifted.map(\.text)
        let remaining = remaining.map(\.text)
        return [
            lifted.isEmpty
                ? "\(remote) was neither paused nor throttled\(attemptsNow ? ", and nothing waited" : "")"
                : "\(remote) is resumed: lifted \(list(lifted))"
        ]
            + remaining.map { "but \($0)" }
    }

    var json: JSONValue {
        [
            "remote": .string(remote), "now": .bool(attemptsNow), "lifted": .array(lifted.map(\.json)),
            "remaining": .array(remaining.map(\.json)),
        ]
    }

    private func time(_ moment: Instant) -> String { DisplayedTime.text(moment, now: now) }

    private func rows(_ count: Int) -> String { "\(count) row\(count == 1 ? "" : "s")" }

    private func list(_ texts: [String]) -> String {
        guard texts.count > 1, let last = texts.last else { return texts.first ?? "" }
        return "\(texts.dropLast().joined(separator: ", ")) and \(last)"
    }
}
