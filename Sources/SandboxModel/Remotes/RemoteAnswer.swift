/// What the sandbox did with a request.
package enum RequestOutcome: String, Sendable, CaseIterable {
    /// The system took the request over.
    case applied
    /// fin: the message was known already ("Reply to Fin" `message.timestamp`), nothing was stored.
    case deduplicated
    /// The request only read.
    case read
    /// The request broke the document, was not authorised, or named something that does not exist.
    case rejected
    /// The instance's rate or concurrency limit answered.
    case throttled
    /// A fault kept the request away from the system.
    case prevented
}

/// What a remote system answers to a call.
struct RemoteAnswer: Sendable {
    var status = 200
    var headers: [(name: String, value: String)] = []
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
    /// Intercom's `errors[].code`; the other systems do not show it.
    let code: String
    let message: String
    var violations: [Violation] = []
    var headers: [(name: String, value: String)] = []

    init(status: Int, code: String, message: String, headers: [(name: String, value: String)] = []) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    /// A body that breaks the document.
    init(status: Int, violations: [Violation]) {
        self.status = status
        self.code = "parameter_invalid"
        self.message = violations.map(\.message).joined(separator: "; ")
        self.violations = violations
    }

    static func notFound(_ message: String) -> RemoteRefusal {
        RemoteRefusal(status: 404, code: "not_found", message: message)
    }

    static func methodNotAllowed(_ method: String, allow: String) -> RemoteRefusal {
        RemoteRefusal(
            status: 405,
            code: "method_not_allowed",
            message: "\(method) is not allowed here, \(allow) is",
            headers: [("Allow", allow)]
        )
    }
}

/// What a system may look at beside the call itself.
struct RemoteContext: Sendable {
    let options: InstanceOptions
    var now: SandboxInstant
    /// The request's sequence number, unique in the process.
    let sequence: Int
    /// fin: let every user attribute fail, for the partial success of fault `error_in_200`.
    var refusesUserAttributes = false
    /// Whether `now` was chosen by the control call: then it is the date of the change, whatever was there before.
    var isDated = false
}
