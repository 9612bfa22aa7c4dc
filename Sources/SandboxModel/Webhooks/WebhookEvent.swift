/// An event that a remote system sends to its webhook: the documented body, before the proof of its origin is added.
struct WebhookEvent: Sendable, Equatable {
    let body: SandboxJSON
    var delayMilliseconds = 0
}
