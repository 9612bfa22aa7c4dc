extension SimulatedKind {
    /// VoiceGlow / Convocore ("Updates an existing conversation"; docs/remotes/vg.md).
    static let vg = SimulatedKind(
        name: "vg",
        pathPrefixes: ["vg"],
        makeSystem: { VGSystem() },
        controlShape: VGDocument.act,
        options: { [$0.acceptCompleted, $0.staleChanges, $0.listOrder] },
        // docs/remotes/vg.md
        errorForm: { refusal, _, _ in ErrorForm(body: ["success": false, "message": .string(refusal.message)]) },
        errorInside: { _ in ["success": false, "message": "the request was refused"] },
        wrongShape: ["success": "yes", "message": 17, "data": ["state"]],
        statusPaths: [["data", "state"]],
        changeDatePaths: [["data", "lastModified"]],
        // The workspace secret is part of the body (docs/remotes/vg.md, "Webhook").
        webhookProof: .member(of: "payload", name: "workspaceSecret")
    )
}

extension DeclaredOptions {
    /// vg: `completed` is accepted although the enum does not list it.
    package var acceptCompleted: InstanceOption<Bool> { InstanceOption("accept_completed", true) }

    /// vg: the list shows the state of this many changes ago.
    package var staleChanges: InstanceOption<Int> { InstanceOption("stale_changes", 0) }

    /// vg: the date by which the list is ordered.
    package var listOrder: InstanceOption<VGListDate> { InstanceOption("list_order", VGListDate.ts) }
}

/// The dates of a conversation.
package enum VGListDate: String, Sendable, CaseIterable, OptionValue {
    case ts
    case lastModified = "last_modified"
}
