extension SimulatedKind {
    /// The Voicebot Studio chat Client API ("Update conversation by ID"; docs/remotes/voicebot.md).
    static let voicebot = SimulatedKind(
        name: "voicebot",
        pathPrefixes: ["voicebot"],
        makeSystem: { VoicebotSystem() },
        controlShape: VoicebotDocument.act,
        options: { [$0.envelope, $0.users] },
        errorForm: { refusal, _, _ in ErrorForm(body: laravelError(refusal)) },
        // The document describes no failure inside a 200; this is a message without a conversation.
        errorInside: { _ in ["message": "the request was refused"] },
        wrongShape: ["id": "seventeen", "status": 3, "user": []],
        statusPaths: [["data", "status"], ["status"]],
        // Not documented; chosen by the sandbox.
        webhookProof: .signature(header: "X-Signature", prefix: "")
    )

    /// Error bodies are not documented. The API's paging is like Laravel's, so `{message, errors}` is assumed (docs/remotes/voicebot.md).
    private static func laravelError(_ refusal: RemoteRefusal) -> SandboxJSON {
        guard refusal.status == 422 else { return ["message": .string(refusal.message)] }
        var errors: [String: SandboxJSON] = [:]
        for violation in refusal.violations {
            let field = violation.field.isEmpty ? "body" : violation.field
            errors[field] = .array((errors[field]?.array ?? []) + [.string(violation.message)])
        }
        return ["message": .string(refusal.message), "errors": .object(errors)]
    }
}

extension DeclaredOptions {
    /// voicebot: the response to a PATCH is `{"data": conversation}` instead of the bare conversation.
    package var envelope: InstanceOption<Bool> { InstanceOption("envelope", false) }

    /// voicebot: user id → name. If not empty, any other `user_id` is refused.
    package var users: InstanceOption<[String: String]> { InstanceOption("users", [:]) }
}
