/// Where an instance sends its events, and the secret for them.
package struct WebhookTarget: Sendable, Equatable {
    package var url: String
    package var secret: String

    package init(url: String, secret: String) {
        self.url = url
        self.secret = secret
    }
}

extension WebhookTarget {
    private static let shape = FieldShape.record(["url": .string, "secret": .string], required: ["url", "secret"])

    /// Reads a target from a control call.
    package init(_ description: SandboxJSON) throws(ControlRefusal) {
        let fields = try Self.shape.requireControl(description)
        guard let url = fields["url"]?.string, url.hasPrefix("http://") || url.hasPrefix("https://"),
            let secret = fields["secret"]?.string
        else { throw ControlRefusal("url must be an http or https address") }
        self.init(url: url, secret: secret)
    }
}
