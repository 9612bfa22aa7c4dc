import SyncCore

/// The secrets that count at the moment: the present one, and those that it replaced shortly before.
///
/// A secret cannot be changed at both ends at one moment, and what was sent before the change is still on its way.
///
/// | event                               | next                                                       |
/// |-------------------------------------|------------------------------------------------------------|
/// | replaced by another one             | that one is present; the former one counts for ``grace``   |
/// | replaced by one that counts already | that one is present                                        |
/// | replaced by itself                  | nothing                                                    |
///
/// Invariants: no former secret counts for longer than ``grace``, however the clock is set; at most ``mostFormer`` do.
package struct WebhookSecrets: Sendable {
    package static let grace = Duration.minutes(5)
    /// Every one is tried with every call.
    static let mostFormer = 3

    private struct Former: Sendable {
        var secret: WebhookSecret
        var replacedAt: Instant
    }

    private var present: WebhookSecret
    /// The latest first.
    private var former: [Former] = []

    package init(_ secret: WebhookSecret) {
        present = secret
    }

    package mutating func replace(with secret: WebhookSecret, now: Instant) {
        guard !secret.isSame(as: present) else { return }
        former.removeAll { $0.secret.isSame(as: secret) }
        former.insert(Former(secret: present, replacedAt: now), at: 0)
        former = Array(former.prefix(WebhookSecrets.mostFormer))
        present = secret
    }

    /// Those that count, the present one first; what is over is forgotten.
    package mutating func counting(now: Instant) -> [WebhookSecret] {
        // A clock that was set back must not make one count for longer.
        for index in former.indices { former[index].replacedAt = min(former[index].replacedAt, now) }
        former.removeAll { now - $0.replacedAt >= WebhookSecrets.grace }
        return [present] + former.map(\.secret)
    }
}
