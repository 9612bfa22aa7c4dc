import SyncCore

/// The secrets that are valid now: the present one, and those that it replaced recently.
///
/// A secret cannot be changed at both ends at the same time, and calls made before the change are still in flight.
///
/// | event                               | next                                                       |
/// |-------------------------------------|------------------------------------------------------------|
/// | replaced by another one             | that one is present; the former one is valid for ``grace`` |
/// | replaced by one that is still valid | that one is present                                        |
/// | replaced by itself                  | nothing                                                    |
///
/// Invariants: no former secret is valid for longer than ``grace``, however the clock is set; at most ``mostFormer`` are valid.
package struct WebhookSecrets: Sendable {
    package static let grace = Duration.minutes(5)
    /// The most former secrets; every one is tested with every call.
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

    /// The valid secrets, the present one first; expired ones are removed.
    package mutating func counting(now: Instant) -> [WebhookSecret] {
        // A clock that was set back must not extend the validity.
        for index in former.indices { former[index].replacedAt = min(former[index].replacedAt, now) }
        former.removeAll { now - $0.replacedAt >= WebhookSecrets.grace }
        return [present] + former.map(\.secret)
    }
}
