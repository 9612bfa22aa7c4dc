/// Something a remote system tells its webhook: the documented body, before it is signed.
///
/// vg's workspace secret is part of the body (docs/remotes.md, "Webhook of vg") and is added when the event is sent.
package struct WebhookEvent: Sendable, Equatable {
    package let name: String
    package let conversation: String
    package let body: SandboxJSON
}
