extension SimulatedKind {
    /// Intercom's Fin Agent API ("Reply to Fin"; docs/remotes/fin.md).
    ///
    /// The prefix `intercom` represents the host that the API is part of, so that a configured url `…/intercom` results in the documented
    /// `…/intercom/fin/reply`.
    static let fin = SimulatedKind(
        name: "fin",
        pathPrefixes: ["intercom", "fin"],
        makeSystem: { FinSystem() },
        controlShape: FinDocument.act,
        options: {
            [
                $0.finStatus, $0.finStatusByConversation, $0.finReplies,
                $0.unknownAttributes, $0.dedupeWindowMilliseconds,
            ]
        },
        recordedHeaders: [RecordedHeader(header: FinDocument.versionHeader, member: "intercom_version")],
        errorForm: { refusal, _, context in ErrorForm(body: errorList(refusal, sequence: context.sequence)) },
        wrongShape: ["conversation_id": 17, "status": ["thinking"], "errors": "none"],
        statusPaths: [["status"]],
        // Intercom's general rate limit (docs/remotes/fin.md).
        rateLimitHeaders: { limit, now in
            [
                HTTPHeader("X-RateLimit-Limit", String(Int(limit.perSecond))),
                HTTPHeader("X-RateLimit-Remaining", "0"),
                HTTPHeader("X-RateLimit-Reset", String(now.seconds + (limit.retryAfterSeconds ?? 1))),
            ]
        },
        // docs/remotes/fin.md, "Webhook"
        webhookProof: .signature(header: "X-Fin-Agent-API-Webhook-Signature", prefix: "sha256=")
    )

    /// `error.list` ("Reply to Fin", response 400).
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
}

extension DeclaredOptions {
    /// fin: the status in the response to a reply.
    package var finStatus: InstanceOption<String> {
        InstanceOption("fin_status", "awaiting_user_reply", shape: .oneOf(FinDocument.statuses))
    }

    /// fin: conversation → the status in the response to a reply in it.
    package var finStatusByConversation: InstanceOption<[String: String]> { InstanceOption("fin_status_by_conversation", [:]) }

    /// fin: whether Fin reacts to a message with a `fin_replied` event, if a webhook is set.
    package var finReplies: InstanceOption<Bool> { InstanceOption("fin_replies", true) }

    /// fin: user attributes that do not exist in the workspace.
    package var unknownAttributes: InstanceOption<Set<String>> { InstanceOption("unknown_attributes", []) }

    /// fin: the window for repetitions. "Reply to Fin" says five minutes; a test can shorten it.
    package var dedupeWindowMilliseconds: InstanceOption<Int> { InstanceOption("dedupe_window_ms", 300_000) }
}

extension RequestRecord {
    /// fin: the header field `Intercom-Version`.
    package var intercomVersion: String? { recordedHeaders["intercom_version"] }
}
