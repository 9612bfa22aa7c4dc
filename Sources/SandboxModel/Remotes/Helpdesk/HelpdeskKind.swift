extension SimulatedKind {
    /// A customer's helpdesk ("Update Conversation"; docs/remotes/helpdesk.md).
    static let helpdesk = SimulatedKind(
        name: "helpdesk",
        pathPrefixes: ["helpdesk"],
        makeSystem: { HelpdeskSystem() },
        controlShape: HelpdeskDocument.act,
        options: { [$0.bareProblems, $0.agents, $0.sortsTags] },
        errorForm: { refusal, path, context in
            let problem = HelpdeskProblem.document(status: refusal.status, detail: refusal.message, path: path)
            guard context.options.bareProblems else { return ErrorForm(body: ["error": problem]) }
            return ErrorForm(body: problem, headers: [HTTPHeader("Content-Type", "application/problem+json")])
        },
        errorInside: { ["error": HelpdeskProblem.document(status: 422, detail: "the request was refused", path: $0)] },
        wrongShape: ["data": ["id": 17, "status": ["open"], "user": "nobody"]],
        statusPaths: [["data", "status"]],
        changeDatePaths: [["data", "updated_at"]],
        // As a helpdesk sends it to Fin (docs/remotes/helpdesk.md, "Webhook").
        webhookProof: .secret(header: "X-Webhook-Key")
    )
}

extension DeclaredOptions {
    /// helpdesk: an error body is the RFC 7807 problem itself instead of `{"error": problem}`.
    package var bareProblems: InstanceOption<Bool> { InstanceOption("bare_problems", false) }

    /// helpdesk: assignee id → displayed alias.
    package var agents: InstanceOption<[String: String]> { InstanceOption("agents", [:]) }

    /// helpdesk: tags are kept in the order of their names, whatever the order in a call. An act stores them as they are.
    package var sortsTags: InstanceOption<Bool> { InstanceOption("sorts_tags", false) }
}

/// The errors of "Update Conversation".
private enum HelpdeskProblem {
    /// The five members of RFC 7807 section 3.1, as "Update Conversation" lists them.
    static func document(status: Int, detail: String, path: String) -> SandboxJSON {
        [
            "type": "about:blank",
            "title": .string(titles[status] ?? "Error"),
            "status": .integer(status),
            "detail": .string(detail),
            "instance": .string(path),
        ]
    }

    /// The reason phrases of the statuses that the sandbox sends by itself.
    private static let titles = [
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
        413: "Content Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Content", 429: "Too Many Requests",
        500: "Internal Server Error", 503: "Service Unavailable",
    ]
}
