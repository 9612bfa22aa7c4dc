/// The result of a request.
package enum RequestOutcome: String, Sendable, CaseIterable {
    /// The system did what the request asked for.
    case applied
    /// The system had received this request before; nothing was stored.
    case deduplicated
    /// The request only read.
    case read
    /// The request violated the document, was not authorised, or named something that does not exist.
    case rejected
    /// The request exceeded the rate or concurrency limit of the instance.
    case throttled
    /// A fault kept the request from the system.
    case prevented
}

/// The response of a remote system to a call.
struct RemoteResponse: Sendable {
    var status = 200
    var headers: [HTTPHeader] = []
    var body: SandboxJSON
    var outcome: RequestOutcome
    /// Why a request was refused; empty otherwise.
    var detail = ""
    /// The events that the system sends to its webhook because of this call.
    var events: [WebhookEvent] = []
}

/// A call that a system does not accept.
struct RemoteRefusal: Error {
    let status: Int
    /// For error bodies with a code.
    let code: String
    let message: String
    let violations: [Violation]
    let headers: [HTTPHeader]

    init(status: Int, code: String, message: String, headers: [HTTPHeader] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.violations = []
        self.headers = headers
    }

    /// A body that violates the document.
    init(status: Int, violations: [Violation]) {
        self.status = status
        self.code = "parameter_invalid"
        self.message = violations.map(\.message).joined(separator: "; ")
        self.violations = violations
        self.headers = []
    }

    static func notFound(_ message: String) -> RemoteRefusal {
        RemoteRefusal(status: 404, code: "not_found", message: message)
    }

    static func methodNotAllowed(_ method: String, allow: String) -> RemoteRefusal {
        let message = "\(method) is not allowed here, \(allow) is"
        return RemoteRefusal(status: 405, code: "method_not_allowed", message: message, headers: [HTTPHeader("Allow", allow)])
    }
}

/// What a system may use besides the call itself.
struct RemoteContext: Sendable {
    let options: InstanceOptions
    var now: SandboxInstant
    /// The request's sequence number, unique in a world; negative for an act.
    let sequence: Int
    /// Fault `error_in_200`, if the system reports it itself: everything that can fail inside a success fails.
    var failsInside = false
    /// Whether the control call set `now`; it is then the date of the change, whatever the previous date was.
    var isDated = false
}
