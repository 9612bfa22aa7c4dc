import SyncRemotes

/// The tables for what comes back from the remotes, switched off: a `#` without a space in front of a line makes it a comment, so that
/// all of them can be switched on by taking these characters away.
extension StarterConfiguration {
    /// Switched on together with a table `[remotes.NAME.webhook]`: one without the other is a mistake.
    static let listen = """
        # Where remotes call when something changes there: switch it on together with a webhook table below. It is plain HTTP for a TLS
        # reverse proxy on this machine; the socket's folder is made by the service's unit.
        #[listen]
        #address = "unix:/run/convosync/hooks.sock"

        """

    func webhook(_ remote: Remote) -> String {
        var lines = [
            "# \(StarterConfiguration.whatCallsTell(remote.kind))",
            "#[remotes.\(remote.name).webhook]",
            "#path = \"/hooks/\(remote.name)\"",
            "#secret_file = \(quoted(secretPath(of: remote)))",
        ]
        if remote.kind == .voicebot {
            lines += ["#signature_header = \"X-Signature\"", "#id_path = \"data.id\""]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    func poll(_ remote: Remote) -> String? {
        guard remote.kind.isReadable else { return nil }
        let subject = remote.kind.hasList ? "the list of conversations, and linked ones in turn" : "the conversations in turn"
        return """
            # Reads \(subject): finds what changed over there, and what a lost webhook call would have said.
            #[remotes.\(remote.name).poll]
            #interval = "30s"

            """
    }

    private static func whatCallsTell(_ kind: RemoteKind) -> String {
        switch kind {
        case .helpdesk:
            "Your helpdesk calls when a conversation changes there, with the secret in the header X-Webhook-Key; the conversation is then read."
        case .fin:
            "Fin calls with its replies and statuses, signed with the secret that Intercom shows beside the callback URL; it cannot be read."
        case .voicebot:
            "The studio calls when something changes, signed in this header; id_path leads to the conversation's id in the body of the call."
        case .vg: "VoiceGlow calls when a conversation changes; the secret is the workspace secret. The conversation is then read."
        }
    }
}
