/// One HTTP call to a remote, as values: what the outbox stores and the transport sends.
package struct OutboundCall: Equatable, Sendable {
    /// The remote's name for the operation, for people: `update_conversation`, `reply`, `update_convo`.
    package var operation: String
    package var method: String
    /// Path below the remote's configured URL, percent-encoded, with a leading slash.
    package var path: String
    package var body: JSONValue

    package init(operation: String, method: String, path: String, body: JSONValue) {
        self.operation = operation
        self.method = method
        self.path = path
        self.body = body
    }
}

/// An answer as the transport hands it over. Header names are lower case.
package struct HTTPReply: Equatable, Sendable {
    package var status: Int
    package var headers: [String: String]
    package var body: [UInt8]
    /// Why the body is not complete or cannot be decoded; nil for a complete one.
    package var bodyFailure: TransportFailure?

    package init(status: Int, headers: [String: String] = [:], body: [UInt8] = [], bodyFailure: TransportFailure? = nil) {
        self.status = status
        self.headers = headers
        self.body = body
        self.bodyFailure = bodyFailure
    }
}

/// Why there is no answer.
package struct TransportFailure: Error, Equatable, Sendable {
    package enum Kind: String, Sendable {
        case connectionRefused = "connection_refused"
        case connectTimeout = "connect_timeout"
        case nameResolution = "name_resolution"
        case tls
        case connectionClosed = "connection_closed"
        case timeout
        case responseTooLarge = "response_too_large"
        case invalidResponse = "invalid_response"
        case cancelled
        case other
    }

    /// What is wrong where TLS failed: it decides what has to be done about it.
    package enum SecurityProblem: Sendable {
        /// Nobody whom this machine trusts vouches for the certificate.
        case selfSigned, unknownAuthority
        case expired, notYetValid
        /// The certificate is for other host names.
        case otherName
        /// Something else than TLS is spoken there.
        case notSpoken
        /// The other side ends the handshake, because of a version or a name.
        case refused
        /// It wants a certificate of ours.
        case wantsCertificate
        case other
    }

    package var kind: Kind
    /// Bounded, without addresses of people and without the query of any URL.
    package var detail: String
    /// Only with ``Kind/tls``.
    package var security: SecurityProblem?

    package init(_ kind: Kind, detail: String, security: SecurityProblem? = nil) {
        self.kind = kind
        self.detail = detail
        self.security = security
    }

    /// Whether the remote may have received and applied the call although no answer came.
    package var mayHaveBeenApplied: Bool {
        switch kind {
        case .connectionRefused, .connectTimeout, .nameResolution, .tls: false
        case .connectionClosed, .timeout, .responseTooLarge, .invalidResponse, .cancelled, .other: true
        }
    }
}
