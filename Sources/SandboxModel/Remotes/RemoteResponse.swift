/// What the sandbox did with a request.
package enum RequestOutcome: String, Sendable, CaseIterable {
    /// The system did what the request asked for.
    case applied
    /// The system had this request before; nothing was stored.
    case deduplicated
    /// The request only read.
    case read
    /// The request broke the document, was not authorised, or named something that does not exist.
    case rejected
    /// Beyond the rate or concurrency limit of the instance.
    case throttled
    /// A fault kept the request away from the system.
    case prevented
}

/// What a remote system responds to a call.
struct RemoteResponse: Sendable {
    var status = 200
    var headers: [HTTPHeader] = []
    var body: SandboxJSON
    var outcome: RequestOutcome
    /// Why a request was refused; empty otherwise.
    var detail = ""
    /// What the system tells its webhook because of this call.
    var events: [WebhookEvent] = []
}

/// A call that a system does not accept.
struct RemoteRefusal: Error {
    let status: Int
    /// For error forms that have a code.
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

    /// A body that breaks the document.
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

/// What a system may use beside the call itself.
struct RemoteContext: Sendable {
    let options: InstanceOptions
    var now: SandboxInstant
    /// The request's sequence number, unique in a world; a negative one for an act.
    let sequence: Int
    /// Fault `error_in_200`, where the system reports it: everything that can fail inside of a success fails.
    var failsInside = false
    /// Whether `now` was chosen by the control call: then it is the date of the change, whatever was there before.
    var isDated = false
}
