/// One HTTP call to a remote as a value: what the outbox stores and the transport sends.
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

/// A response as the transport returns it. Header names are lower case.
package struct HTTPReply: Equatable, Sendable {
    package var status: Int
    package var headers: [String: String]
    package var body: [UInt8]
    /// Why the body is not complete or cannot be decoded; nil for a complete one.
    package var bodyFailure: TransportFailure?
    /// Whether this is the response to a repetition, and the first attempt, which got none, may have been applied.
    package var mayHaveBeenAppliedBefore: Bool

    package init(
        status: Int, headers: [String: String] = [:], body: [UInt8] = [], bodyFailure: TransportFailure? = nil,
        mayHaveBeenAppliedBefore: Bool = false
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.bodyFailure = bodyFailure
        self.mayHaveBeenAppliedBefore = mayHaveBeenAppliedBefore
    }
}

/// Why there is no response.
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
        /// The request cannot be written: a value that it would have is not allowed in HTTP.
        case invalidRequest = "invalid_request"
        case other
    }

    /// The cause of a TLS failure; it determines how to fix it.
    package enum SecurityProblem: Sendable {
        /// The certificate is not signed by an authority that this machine trusts.
        case selfSigned, unknownAuthority
        case expired, notYetValid
        /// The certificate is for other host names.
        case otherName
        /// The peer does not speak TLS.
        case notSpoken
        /// The peer ends the handshake, because of a version or a name.
        case refused
        /// The peer requires a client certificate.
        case wantsCertificate
        case other
    }

    package var kind: Kind
    /// Bounded, without personal addresses and without the query of any URL.
    package var detail: String
    /// Only with ``Kind/tls``.
    package var security: SecurityProblem?
    /// Only with ``Kind/cancelled``: false for a call that never had a connection.
    package var wasWritten: Bool

    package init(_ kind: Kind, detail: String, security: SecurityProblem? = nil, wasWritten: Bool = true) {
        self.kind = kind
        self.detail = detail
        self.security = security
        self.wasWritten = wasWritten
    }

    /// Whether the remote may have received and applied the call although there was no response.
    package var mayHaveBeenApplied: Bool {
        switch kind {
        case .connectionRefused, .connectTimeout, .nameResolution, .tls, .invalidRequest: false
        case .connectionClosed, .timeout, .responseTooLarge, .invalidResponse, .other: true
        case .cancelled: wasWritten
        }
    }
}
