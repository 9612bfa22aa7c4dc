import FoundationEssentials
import Glibc
import SyncCore
import SyncRemotes
import SyncSystem

/// Why `convosync init` writes nothing: an invalid remote, or a file that exists already or cannot be created.
package struct StarterConfigurationError: Error, Equatable, Sendable {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}

/// The configuration that `convosync init` writes: the keys that have to be filled in, each with an explanation, and the tables for adopting from
/// remotes, switched off. All other keys have defaults (convosync.toml(5)).
package struct StarterConfiguration: Sendable, Equatable {
    package struct Remote: Sendable, Equatable {
        package var name: String
        package var kind: Kind

        /// `vg`, or `sales=vg` for a name that is not a kind.
        package init(_ text: String, kinds: [Kind] = Kinds.all) throws(StarterConfigurationError) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let word = parts[parts.count - 1]
            guard let kind = kinds.named(word) else {
                let names = kinds.names
                throw StarterConfigurationError(
                    "\"\(word)\" is not one of \(names.joined(separator: ", "))\(Spelling.hint(word, among: names)); write NAME=KIND for a name of your own"
                )
            }
            let isPlain =
                !parts[0].isEmpty
                && parts[0].utf8.allSatisfy { byte in
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                }
            guard isPlain else {
                throw StarterConfigurationError("the name \"\(parts[0])\" has other characters than a to z, 0 to 9, - and _")
            }
            name = parts[0]
            self.kind = kind
        }
    }

    package var remotes: [Remote]
    /// The folder of the configuration; the tokens are expected there, too.
    package var directory: String
    package var databasePath: String

    package init(remotes: [Remote], directory: String, databasePath: String) throws(StarterConfigurationError) {
        self.remotes = remotes
        self.directory = directory
        self.databasePath = databasePath
        let names = remotes.map(\.name)
        if let name = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
            throw StarterConfigurationError("the remote \(name) is there twice")
        }
    }

    package func tokenPath(of remote: Remote) -> String { path(of: "\(remote.name).token") }

    package func secretPath(of remote: Remote) -> String { path(of: "\(remote.name).webhook-secret") }

    private func path(of file: String) -> String { directory == "/" ? "/\(file)" : "\(directory)/\(file)" }

    /// The dotted paths of the keys marked FILL IN.
    package var placeholders: [String] {
        remotes.flatMap { remote in
            remote.kind.starterKeys.filter(\.line.isPlaceholder).map { "remotes.\(remote.name).\($0.key)" }
        }
    }

    package var text: String {
        ([head] + remotes.map(section)).joined(separator: "\n")
    }

    private var head: String {
        """
        # The configuration of convosync. What is not here has its default; convosync.toml(5) explains every key.
        #
        # `convosync check` says what is missing, `systemctl reload convosync` puts changes into effect.
        # Lines that begin with # and no space are settings that are switched off: delete the # to switch them on.

        [database]
        # The file that the application writes. The service creates it with its tables; the application's user has to be a member of
        # the group convosync.
        path = \(quoted(databasePath))

        [assignees]
        # The values of conversations.assignee_id that mean "the AI answers". Any other value is a person, NULL is nobody.
        ai = \(ConfigurationValue.texts(Configuration.Assignees().ai).toml)

        \(StarterConfiguration.listen)
        """
    }

    private func section(_ remote: Remote) -> String {
        var lines = ["[remotes.\(remote.name)]"]
        if remote.name != remote.kind.name { lines.append("kind = \(quoted(remote.kind.name))") }
        lines += remote.kind.starterKeys.flatMap { key, line in line.lines(for: key) }
        lines += [
            "# A file that holds the token and nothing else; the service's group has to be able to read it.",
            "token_file = \(quoted(tokenPath(of: remote)))",
        ]
        return ([lines.joined(separator: "\n") + "\n"] + [webhook(remote), poll(remote)].compactMap { $0 }).joined(separator: "\n")
    }

    func quoted(_ text: String) -> String { JSONValue.string(text).text }

    /// The group that root gives a new folder to, so that the service may read what is in it; nil for other users, and without the package's group.
    package static var groupOfNewFolders: UInt32? {
        geteuid() == 0 ? getgrnam(ServiceIdentity.name).map { $0.pointee.gr_gid } : nil
    }

    /// Writes the file, without overwriting an existing one. Creates its folder if it is missing. The service's group can read the file,
    /// whatever the umask of the command is.
    /// - Parameter group: the group of folders that are created; nil for that of this user.
    /// - Throws: a ``StarterConfigurationError`` with the reason.
    package func write(to path: String, group: UInt32? = StarterConfiguration.groupOfNewFolders) throws(StarterConfigurationError) {
        try StarterConfiguration.createFolder(of: path, group)
        let file: NewFile
        do {
            file = try NewFile(path, permissions: 0o600)
        } catch {
            throw StarterConfigurationError(
                error.code == EEXIST
                    ? "\(path) exists already and is left as it is; --path writes elsewhere"
                    : "\(path) cannot be written by this user: \(error)")
        }
        do {
            try file.setPermissions(0o640)
            try file.write(text.utf8)
        } catch {
            unlink(path)
            throw StarterConfigurationError("\(path) could not be written completely, and was removed: \(error)")
        }
    }

    /// Creates what is missing of the folder. With a group, files that are created there later belong to that group as well, as in the folder of
    /// the package.
    private static func createFolder(of path: String, _ group: UInt32?) throws(StarterConfigurationError) {
        let folder = FilePath.folder(of: path)
        var missing: [String] = []
        var above = folder
        while !above.isEmpty, !FileManager.default.fileExists(atPath: above) {
            missing.append(above)
            above = FilePath.folder(of: above)
        }
        guard !missing.isEmpty else { return }
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o750])
        } catch {
            throw StarterConfigurationError("the folder \(folder) does not exist and cannot be created by this user")
        }
        // Behind `..` a folder may be one that was there before.
        guard let group, !folder.split(separator: "/").contains("..") else { return }
        for created in missing {
            guard chown(created, geteuid(), group) == 0, chmod(created, 0o2750) == 0 else {
                throw StarterConfigurationError(
                    "the folder \(created) was created and cannot be given to the service's group: \(SystemError.last)")
            }
        }
    }
}
