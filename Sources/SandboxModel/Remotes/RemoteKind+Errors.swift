extension RemoteKind {
    /// A refusal in the form that the system's document gives errors.
    ///
    /// - fin: `error.list` ("Reply to Fin", response 400).
    /// - helpdesk: an RFC 7807 problem under `error` ("Update Conversation"); with the option `bare_problems` the problem itself is the
    ///   body.
    /// - voicebot: error bodies are not documented. The API pages like Laravel, so `{message, errors}` is assumed (docs/remotes.md,
    ///   "voicebot").
    /// - vg: `{success: false, message}` (docs/remotes.md, "vg", V2).
    func answer(to refusal: RemoteRefusal, path: String, context: RemoteContext) -> RemoteAnswer {
        var headers = refusal.headers
        if refusal.status == 401 { headers.append(("WWW-Authenticate", "Bearer")) }
        let body: SandboxJSON =
            switch self {
            case .helpdesk: Self.problem(refusal, path: path, isBare: context.options.bareProblems)
            case .fin: Self.errorList(refusal, sequence: context.sequence)
            case .voicebot: Self.laravelError(refusal)
            case .vg: ["success": false, "message": .string(refusal.message)]
            }
        if self == .helpdesk, context.options.bareProblems { headers.append(("Content-Type", "application/problem+json")) }
        let outcome: RequestOutcome = refusal.status == 429 ? .throttled : .rejected
        return RemoteAnswer(status: refusal.status, headers: headers, body: body, outcome: outcome, detail: refusal.message)
    }

    /// The body that this kind gives for a status that a fault rule asked for.
    func errorBody(status: Int, message: String, path: String, context: RemoteContext) -> SandboxJSON {
        let code = status == 429 ? "rate_limit_exceeded" : status == 401 ? "unauthorized" : "sandbox_fault"
        return answer(to: RemoteRefusal(status: status, code: code, message: message), path: path, context: context).body
    }

    private static func problem(_ refusal: RemoteRefusal, path: String, isBare: Bool) -> SandboxJSON {
        let problem = problem(status: refusal.status, detail: refusal.message, path: path)
        return isBare ? problem : ["error": problem]
    }

    /// RFC 7807 section 3.1 members, all five as "Update Conversation" lists them.
    static func problem(status: Int, detail: String, path: String) -> SandboxJSON {
        [
            "type": "about:blank",
            "title": .string(title(of: status)),
            "status": .integer(status),
            "detail": .string(detail),
            "instance": .string(path),
        ]
    }

    private static func errorList(_ refusal: RemoteRefusal, sequence: Int) -> SandboxJSON {
        var errors = refusal.violations.map { violation -> SandboxJSON in
            let code = violation.code == .missing ? "parameter_not_found" : "parameter_invalid"
            return ["code": .string(code), "message": .string(violation.message), "field": .string(violation.field)]
        }
        if errors.isEmpty {
            errors = [["code": .string(refusal.code), "message": .string(refusal.message), "field": .null]]
        }
        return ["type": "error.list", "request_id": .string("sandbox-\(sequence)"), "errors": .array(errors)]
    }

    private static func laravelError(_ refusal: RemoteRefusal) -> SandboxJSON {
        guard refusal.status == 422 else { return ["message": .string(refusal.message)] }
        var errors: [String: SandboxJSON] = [:]
        for violation in refusal.violations {
            let field = violation.field.isEmpty ? "body" : violation.field
            errors[field] = .array((errors[field]?.array ?? []) + [.string(violation.message)])
        }
        return ["message": .string(refusal.message), "errors": .object(errors)]
    }

    /// The reason phrases of the statuses that the sandbox answers by itself.
    private static func title(of status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 500: "Internal Server Error"
        case 503: "Service Unavailable"
        default: "Error"
        }
    }
}
