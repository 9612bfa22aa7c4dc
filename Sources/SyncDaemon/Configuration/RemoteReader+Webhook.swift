import SyncCore

/// `[remotes.NAME.webhook]`, and the checks over all of these tables and `[listen]`.
extension RemoteReader {
    /// - Parameter own: receives the values of the keys that only the kind has.
    func webhook(name: String, kind: Kind, _ table: inout TableReader, _ own: inout OwnValues) -> WebhookSettings? {
        let isPresent = table.has("webhook")
        var webhook = table.table("webhook")
        if isPresent, kind.webhook == nil {
            table.problems.add(webhook.path, "has no meaning for a remote of kind \(kind.name): it does not call")
            return nil
        }
        let path = webhook.string(RemoteKeys.webhookPath.leaf) ?? WebhookSettings.standardPath(of: name)
        let secret = webhook.credential(.secret, in: directory, isNeeded: isPresent)
        own = own.merging(self.own(kind, in: .webhook, &webhook, remote: table.path))
        webhook.finish()
        guard isPresent else { return nil }
        check(path: path, webhook)
        return secret.map { WebhookSettings(path: path, secret: $0) }
    }

    private func check(path: String, _ table: TableReader) {
        let isPlain = path.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"?#%\"\\".utf8.contains($0) }
        guard !path.hasPrefix("/") || !isPlain else { return }
        table.problems.add(
            table.dotted("path"),
            "\"\(path.prefix(64))\" has to begin with a slash and must not hold spaces, escapes, a query or a fragment")
    }
}

extension ConfigurationReader {
    /// Nil if the file has no such table: the daemon does not listen then.
    func listen(_ root: inout TableReader) -> ListenSettings? {
        let isPresent = root.has("listen")
        var table = root.table("listen")
        var settings: ListenSettings?
        if let text = table.string("address") {
            switch ListenAddress.parse(text, directory: directory) {
            case .success(let address): settings = ListenSettings(address: address)
            case .failure(let problem): problems.add(table.dotted("address"), problem.reason)
            }
        } else if isPresent, !table.has("address") {
            problems.add(table.dotted("address"), "is missing, such as \"127.0.0.1:8480\" or \"unix:/run/convosync/hooks.sock\"")
        }
        if let size = table.byteSize("max_body") { settings?.maximumBody = size }
        if let text = table.string("rate") {
            settings?.rate = RateLimit(text)
            if text != "unlimited", RateLimit(text) == nil {
                problems.add(table.dotted("rate"), RateLimit.problem(with: text))
            }
        }
        table.finish()
        return settings
    }

    /// `[listen]` and webhook tables need each other, and a path belongs to one remote.
    func checkCalls(_ remotes: inout TableReader, _ configuration: Configuration, isListening: Bool) {
        var calling: [String] = []
        for name in remotes.keys where remotes.value(name)?["webhook"] != nil { calling.append(name) }
        if isListening, calling.isEmpty {
            problems.add(
                "listen", "no remote calls: give at least one of them a table [remotes.NAME.webhook], or take [listen] away",
                because: ["remotes"])
        }
        if !isListening {
            for name in calling {
                problems.add(
                    "remotes.\(name).webhook", "nothing listens for it: add [listen] with an address, such as \"127.0.0.1:8480\"",
                    because: ["listen"])
            }
        }
        var owners: [String: String] = [:]
        for remote in configuration.remotes {
            guard let path = remote.webhook?.path else { continue }
            if let other = owners[path] {
                problems.add(
                    "remotes.\(remote.name).webhook.path", "\"\(path)\" is the path of remotes.\(other), too",
                    because: ["remotes.\(other).webhook"])
            } else {
                owners[path] = remote.name
            }
        }
    }
}
