/// One way in which an instance misbehaves, for requests that match the rule's conditions.
package struct FaultRule: Sendable, Equatable {
    /// What goes wrong. "Applied" means that the system does what the request asks for, as it would without the fault.
    package enum Kind: String, Sendable, CaseIterable {
        /// Applied; the response comes late.
        case latency
        /// Not applied; a response with the rule's status, headers and body.
        case status
        /// Not applied; the connection is closed without a response.
        case dropBefore = "drop_before"
        /// Applied; the connection is closed without a response.
        case dropAfter = "drop_after"
        /// Not applied; no response for the rule's latency, then the connection is closed.
        case hangBefore = "hang_before"
        /// Applied; no response for the rule's latency, then the connection is closed.
        case hangAfter = "hang_after"
        /// Applied; 200 with a body that is not JSON.
        case garbage
        /// Applied; the connection is closed before the announced length has been sent.
        case truncated
        /// Applied; 200 with JSON of a different shape than documented.
        case wrongType = "wrong_type"
        /// 200 with the failure that the document describes inside a 200 (``SimulatedKind/errorInside``). Applied only if the document describes a
        /// failure of a part of a call.
        case errorInside = "error_in_200"
        /// Applied; the body is sent in pieces over the rule's latency.
        case slowBody = "slow_body"
        /// Applied; 200 with a JSON body of `bytes` bytes.
        case hugeBody = "huge_body"
        /// Applied, but the system holds and shows `value` instead of the requested status value.
        case drift
        /// Not applied; 307 to `location`.
        case redirect

        /// Whether the system receives the request.
        func reachesSystem(of kind: SimulatedKind) -> Bool {
            switch self {
            case .status, .dropBefore, .hangBefore, .redirect: false
            case .errorInside: kind.errorInside == nil
            default: true
            }
        }

        /// Whether the client receives a status line.
        var sendsStatus: Bool {
            switch self {
            case .dropBefore, .dropAfter, .hangBefore, .hangAfter: false
            default: true
            }
        }

        var hangs: Bool { self == .hangBefore || self == .hangAfter }
    }

    package var kind: Kind
    /// How many requests the rule hits until it is used up; nil: it hits requests until it is cleared.
    package var times: Int?
    /// How many matching requests pass before the first one is hit.
    package var skip = 0
    package var probability = 1.0
    package var pathContains: String?
    package var method: String?
    /// A conversation id, or `agent/conversation` where there are agents.
    package var conversation: String?
    /// A delay before the response, for every kind; for `slow_body` the duration of the body, for hangs the time until the connection is closed.
    package var latencyMilliseconds: Int?
    /// `status`: 200…599.
    package var status = 500
    package var headers: [String: String] = [:]
    /// `status`: JSON, or a string that is sent as it is; nil: the system's own error body.
    package var body: SandboxJSON?
    /// `status`: adds `Retry-After` in seconds.
    package var retryAfterSeconds: Int?
    /// `status`: adds `Retry-After` as the HTTP-date that many seconds from now.
    package var retryAfterDateSeconds: Int?
    /// `status`: adds `X-RateLimit-Remaining: 0` and `X-RateLimit-Reset` in Unix seconds, that many seconds from now.
    package var rateLimitResetSeconds: Int?
    /// `huge_body`.
    package var bytes = 64 * 1024 * 1024
    /// `drift`.
    package var value: String?
    /// `drift`: whether the system also holds the other value, or only shows it.
    package var isStored = true
    /// `redirect`.
    package var location = "http://127.0.0.1:9/"
    /// Drops: the connection is reset (RST) instead of closed (FIN).
    package var resets = false

    package init(_ kind: Kind, times: Int? = nil, latencyMilliseconds: Int? = nil) {
        self.kind = kind
        self.times = times
        self.latencyMilliseconds = latencyMilliseconds
    }

    /// The longest wait, whatever a rule specifies.
    static let maximumWaitMilliseconds = 120_000

    var waitMilliseconds: Int {
        min(latencyMilliseconds ?? (kind.hangs ? Self.maximumWaitMilliseconds : 0), Self.maximumWaitMilliseconds)
    }
}
