import SyncCore

/// The tables for adopting from remotes, switched off: they are commented out with a `#` without a space, so that removing these characters switches
/// all of them on.
extension StarterConfiguration {
    /// Must be switched on together with a table `[remotes.NAME.webhook]`: either one alone is a problem.
    static let listen = """
        # Where remotes call when something changes there: switch it on together with a webhook table below. It is plain HTTP for a TLS
        # reverse proxy on this machine; the socket's folder is made by the service's unit.
        #[listen]
        #address = "unix:/run/convosync/hooks.sock"

        """

    func webhook(_ remote: Remote) -> String? {
        guard let webhook = remote.kind.webhook else { return nil }
        var lines = [
            "# \(webhook.meaning)",
            "#[remotes.\(remote.name).webhook]",
            "#path = \"/hooks/\(remote.name)\"",
            "#secret_file = \(quoted(secretPath(of: remote)))",
        ]
        lines += remote.kind.keys(in: .webhook).flatMap { key in (key.starter?.lines(for: key.leaf) ?? []).map { "#\($0)" } }
        return lines.joined(separator: "\n") + "\n"
    }

    func poll(_ remote: Remote) -> String? {
        guard remote.kind.isReadable else { return nil }
        let subject = remote.kind.hasList ? "the list of conversations, and linked ones in turn" : "the conversations in turn"
        return """
            # Reads \(subject): finds changes at the remote, also those that a lost webhook call would have reported.
            #[remotes.\(remote.name).poll]
            #interval = "30s"

            """
    }
}

extension Kind {
    /// The keys written into the remote's own table, in order.
    var starterKeys: [(key: String, line: StarterLine)] {
        [("url", starterURL)] + keys(in: .remote).compactMap { key in key.starter.map { (key.name, $0) } }
    }
}
