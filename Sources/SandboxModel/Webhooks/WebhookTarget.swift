/// Where an instance sends its events, and the secret that goes with them.
package struct WebhookTarget: Sendable, Equatable {
    package var url: String
    package var secret: String

    package init(url: String, secret: String) {
        self.url = url
        self.secret = secret
    }
}
