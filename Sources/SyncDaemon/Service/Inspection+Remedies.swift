import FoundationEssentials
import SyncCore
import SyncStore
import SyncSystem

/// What to do about missing parts, one step after the other on a fresh installation.
extension Inspection {
    /// Whether the remote still has a URL of config/convosync.toml or of `convosync init`, in a reserved domain (RFC 2606 section 3), or another
    /// value that has to be filled in.
    static func isExample(_ remote: Remote) -> Bool {
        let host = RemoteURL.host(of: remote.url)
        let isReserved = host == "example.com" || host?.hasSuffix(".example.com") == true
        return isReserved || remote.kind.placeholderKeys.contains { key, line in remote.profile.own.text(key.name) == line.value }
    }

    /// A systemd credential exists only for the service, and only while it runs.
    static func isServiceOnly(_ source: CredentialSource, environment: [String: String] = ProcessInfo.processInfo.environment) -> Bool {
        if case .systemd = source { environment["CREDENTIALS_DIRECTORY"] == nil } else { false }
    }

    static func remedy(for source: CredentialSource, reader: ServiceIdentity = .present) -> String {
        switch source {
        case .file(let path):
            if let closed = ClosedFolder(above: path) {
                admission(toFile: path, in: closed, of: reader)
            } else {
                switch FileStatus.ifPresent(path)?.kind {
                case nil: "install -m 0640 -g \(reader.group) /dev/stdin \(path)   (paste it, then Control-D)"
                case .regular?: "one word in it, and readable for \(reader.user): chgrp \(reader.group) \(path); chmod 0640 \(path)"
                // Nothing that belongs to others should be given to the service.
                default: "name a file that holds one word and nothing else"
                }
            }
        case .systemd(let name) where name.hasPrefix("remote_"):
            "install -D -m 0600 /dev/stdin /etc/convosync/credentials/\(name.dropFirst(7)), then restart the service; only it can read it"
        case .systemd:
            "a drop-in with LoadCredential=\(source.shownName ?? "NAME"):PATH (systemctl edit convosync), then restart the service; "
                + "only it can read it"
        case .environment:
            "set \(source.shownName ?? "that variable") for the service: a drop-in with EnvironmentFile=PATH (systemctl edit convosync)"
        }
    }

    /// Why there is no database yet, and whether that is a problem.
    static func absence(of path: String, writer: ServiceIdentity = .present) -> Finding {
        let given = FilePath.folder(of: path)
        let directory = given.isEmpty ? "." : given
        if let closed = ClosedFolder(above: path) {
            return Finding(
                severity: .problem, area: .database, text: "\(path) cannot be looked for: \(writer.user) may not search \(closed.path)",
                hint: admission(to: closed.path, closed.status, holdsDatabase: closed.path == directory, of: writer))
        }
        guard let status = FileStatus.ifPresent(directory), status.kind == .directory else {
            return Finding(
                severity: .problem, area: .database, text: "\(path) does not exist, nor does its directory",
                hint: "install -d -m 2770 -o \(writer.owner) -g \(writer.group) \(directory), or correct database.path")
        }
        guard FileManager.default.isWritableFile(atPath: directory) else {
            return Finding(
                severity: .problem, area: .database, text: "\(path) does not exist, and \(writer.user) may not write to its directory",
                hint: admission(to: directory, status, holdsDatabase: true, of: writer))
        }
        return Finding(
            severity: .warning, area: .database, text: "\(path) does not exist yet", hint: "`convosync migrate` or the service creates it")
    }

    /// The unit may write there without a drop-in (`StateDirectory=`).
    private static let stateDirectory = "/var/lib/convosync"

    /// How the service gets into a folder for the database.
    /// - Parameter holdsDatabase: whether files are to be created there; otherwise it only has to be searched.
    static func admission(to folder: String, _ status: FileStatus, holdsDatabase: Bool, of user: ServiceIdentity) -> String {
        let (rights, symbols): (UInt32, String) = holdsDatabase ? (0o070, "rwx") : (0o010, "x")
        if let membership = membership(of: user, in: folder, status, needing: rights, symbols) { return membership }
        guard holdsDatabase else { return "let \(user.user) search it: chmod o+x \(folder), or choose another database.path" }
        return "make the directory writable for \(user.user): chgrp \(user.group) \(folder); chmod 2770 \(folder)"
    }

    /// How the service gets to a file that it only reads: the configuration, a token or a secret.
    static func admission(toFile path: String, in closed: ClosedFolder, of user: ServiceIdentity) -> String {
        let folder = closed.path
        if let membership = membership(of: user, in: folder, closed.status, needing: 0o010, "x") { return membership }
        let isAbove = folder != FilePath.folder(of: path)
        let command = isAbove ? "chmod o+x \(folder)" : "chgrp \(user.group) \(folder); chmod 2750 \(folder)"
        return "let \(user.user) search \(folder): \(command), or keep the file elsewhere"
    }

    /// The group of a folder that belongs to another group stays: its other users would be locked out. Nil if it belongs to no other group.
    private static func membership(
        of user: ServiceIdentity, in folder: String, _ status: FileStatus, needing rights: UInt32, _ symbols: String
    ) -> String? {
        guard let group = user.foreignGroup(status.group) else { return nil }
        let mode = status.permissions & rights == rights ? "" : "chmod g+\(symbols) \(folder); "
        if status.group == ServiceIdentity.unseenGroup {
            let isWritable = rights & 0o020 == 0 || "\(folder)/".hasPrefix("\(stateDirectory)/")
            let mount = isWritable ? "" : ", ReadWritePaths=\(folder) in a drop-in (systemctl edit convosync)"
            return "it belongs to a group that cannot be seen from inside the unit; `stat -c %G \(folder)` names it: "
                + "\(mode)adduser \(user.owner) to that group\(mount), then restart the service"
        }
        return "it belongs to the group \(group): \(mode)adduser \(user.owner) \(group), then restart the service"
    }

    static func remedy(for error: any Error, path: String, writer: ServiceIdentity = .present) -> String? {
        switch error as? StoreError {
        case .cannotOpen, .readOnly:
            "\(writer.user) has to be able to write the file, its -wal and -shm files and the directory: "
                + "let all belong to a group that both the application and the service are in, with mode 0660 and 2770"
        case .inUse: "`convosync status` says who it is; `systemctl stop convosync` stops the usual one"
        default: nil
        }
    }
}

extension Kind {
    /// The kind's own keys that have to be filled in, with the value that `convosync init` writes.
    var placeholderKeys: [(key: ConfigurationKey, line: StarterLine)] {
        keys.compactMap { key in key.starter.flatMap { $0.isPlaceholder ? (key, $0) : nil } }
    }
}

extension [Kind] {
    /// Two of them as options of `convosync init`.
    var exampleOptions: String {
        [first, dropFirst().last].compactMap { $0 }.map { "--remote \($0.name)" }.joined(separator: " ")
    }
}
