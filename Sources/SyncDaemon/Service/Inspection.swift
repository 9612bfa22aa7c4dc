import FoundationEssentials
import Glibc
import SyncCore
import SyncRemotes
import SyncSQLite
import SyncStore
import SyncSystem

/// The checks of `convosync check`. Reports all findings at once, and sends nothing unless `isOnline` is set.
package struct Inspection: Sendable {
    package struct Finding: Sendable, Equatable {
        package enum Severity: String, Sendable {
            case ok, warning, problem
        }

        package enum Area: String, Sendable {
            case configuration, credentials, database, remote
        }

        package var severity: Severity
        package var area: Area
        package var text: String
        /// What to do about it.
        package var hint: String?
    }

    /// From this SQLite version on, two processes that write and checkpoint at the same time cannot damage the WAL.
    private static let soundLibrary = [3, 51, 3]

    /// The most shared objects that are listed individually.
    private static let sharedObjects = 100

    private let configurationPath: String
    private let isOnline: Bool

    /// - Parameter isOnline: also tests whether each remote accepts its credential.
    package init(configurationPath: String, isOnline: Bool = false) {
        self.configurationPath = configurationPath
        self.isOnline = isOnline
    }

    package func findings() async -> [Finding] {
        let reading = ConfigurationFile.readLeniently(path: configurationPath)
        let isMissing = !FileManager.default.fileExists(atPath: configurationPath) && ClosedFolder(above: configurationPath) == nil
        let hint = isMissing ? Inspection.howToBegin : nil
        var findings = reading.problems.map { Finding(severity: .problem, area: .configuration, text: $0.description, hint: hint) }
        // The readable parts are checked even if there are problems, so that one problem does not hide the next.
        guard let configuration = reading.configuration else { return findings }
        if reading.problems.isEmpty {
            findings.append(
                Finding(
                    severity: .ok, area: .configuration,
                    text: "\(configurationPath), \(configuration.enabledRemotes.count) of \(configuration.remotes.count) remotes enabled"))
        }
        if reading.problems.isEmpty, configuration.enabledRemotes.isEmpty {
            findings.append(Finding(severity: .warning, area: .configuration, text: "no remote is enabled: nothing will be sent"))
        }
        if geteuid() == 0 {
            findings.append(
                Finding(
                    severity: .ok, area: .configuration,
                    text: "checked as root, who may read and write everything; what matters is what \(ServiceIdentity.present.user) may",
                    hint: "sudo -u \(ServiceIdentity.present.owner) convosync check --config \(configurationPath)"))
        }
        findings += checkListening(configuration)
        if let path = configuration.metrics.textfile {
            let directory = FilePath.folder(of: path)
            if !FileManager.default.isWritableFile(atPath: directory.isEmpty ? "." : directory) {
                findings.append(
                    Finding(
                        severity: .warning, area: .configuration,
                        text: "metrics.textfile: \(directory) does not exist or cannot be written by \(ServiceIdentity.present.user): "
                            + "there will be no metrics"))
            }
        }
        for remote in configuration.enabledRemotes { findings += check(remote) }
        for source in reading.sources { findings += check(source) }
        if !configuration.databasePath.isEmpty { findings += await checkDatabase(configuration, isComplete: reading.problems.isEmpty) }
        if isOnline, reading.problems.isEmpty { findings += await tryRemotes(of: configuration) }
        return findings
    }

    private static let howToBegin =
        "`convosync init \(Kinds.all.exampleOptions)` writes one for the remotes that you name: \(Kinds.all.names.joined(separator: ", "))"

    private func check(_ remote: Remote) -> [Finding] {
        var findings: [Finding] = []
        if RemoteURL.sendsTokenInClear(remote.url) {
            findings.append(
                Finding(
                    severity: .warning, area: .configuration,
                    text: "remotes.\(remote.name).url is http: the token travels unencrypted; use https outside of this machine"))
        }
        if Inspection.isExample(remote) {
            findings.append(
                Finding(
                    severity: .warning, area: .configuration, text: "remotes.\(remote.name) still has the values of the example",
                    hint: "fill in \((["url"] + remote.kind.placeholderKeys.map(\.key.name)).joined(separator: " and "))"))
        }
        return findings
    }

    private func check(_ named: NamedSource) -> [Finding] {
        let noun = named.kind.noun
        do {
            _ = try named.source.read(as: named.kind)
            return [Finding(severity: .ok, area: .credentials, text: "\(named.table) has a \(noun)")]
                + checkPrivacy(of: named.source, holding: noun)
        } catch {
            return [
                Finding(
                    severity: Inspection.isServiceOnly(named.source) ? .warning : .problem, area: .credentials,
                    text: "\(named.table).\(error.reason)", hint: Inspection.remedy(for: named.source))
            ] + checkPrivacy(of: named.source, holding: noun)
        }
    }

    private func checkListening(_ configuration: Configuration) -> [Finding] {
        guard let address = configuration.listen?.address else { return [] }
        guard !address.isLocal else { return [Finding(severity: .ok, area: .configuration, text: "listen.address is \(address)")] }
        return [
            Finding(
                severity: .warning, area: .configuration,
                text: "listen.address \(address) can be reached from other machines and speaks no TLS: put it behind a TLS reverse proxy, "
                    + "or use a loopback address or a unix socket")
        ]
    }

    private func checkPrivacy(of source: CredentialSource, holding noun: String) -> [Finding] {
        guard case .file(let path) = source, Inspection.isReadableByAll(path) else { return [] }
        return [
            Finding(severity: .warning, area: .credentials, text: "\(path) can be read by every user; chmod 0640 keeps the \(noun) private")
        ]
    }

    private static func isReadableByAll(_ path: String) -> Bool {
        // A missing file, or one in a folder that cannot be read, is reported by another finding.
        FileStatus.ifPresent(path).map { $0.permissions & 0o004 != 0 } ?? false
    }

    private func checkDatabase(_ configuration: Configuration, isComplete: Bool) async -> [Finding] {
        let path = configuration.databasePath
        var findings: [Finding] = []
        let version = Store.libraryVersion
        if version.split(separator: ".").compactMap({ Int($0) }).lexicographicallyPrecedes(Inspection.soundLibrary) {
            findings.append(
                Finding(
                    severity: .ok, area: .database,
                    text: "SQLite \(version); before 3.51.3 do not run checkpoints of your own on the file while convosync runs"))
        }
        guard FileManager.default.fileExists(atPath: path) else {
            return findings + [Inspection.absence(of: path)]
        }
        do {
            let store = try Store(path: path, access: .existing)
            let durability = try await store.durability()
            findings.append(
                Finding(
                    severity: durability.synchronous == 2 && durability.journalMode == "wal" ? .ok : .problem, area: .database,
                    text: "\(path), journal_mode=\(durability.journalMode) synchronous=\(durability.synchronous)"))
            findings += try await checkLinks(configuration, store, isComplete: isComplete)
        } catch {
            findings.append(Finding(severity: .problem, area: .database, text: "\(error)", hint: Inspection.remedy(for: error, path: path)))
        }
        return findings
    }

    private func checkLinks(_ configuration: Configuration, _ store: Store, isComplete: Bool) async throws -> [Finding] {
        var findings: [Finding] = []
        for remote in configuration.enabledRemotes {
            guard case .linked(let hasIntegerIDs, let namesAgent) = remote.kind.takesPart else { continue }
            let links = try await store.linkCensus(of: remote.name)
            if hasIntegerIDs, links.notInteger > 0 {
                findings.append(
                    Finding(
                        severity: .warning, area: .database,
                        text:
                            "\(links.notInteger) rows of links for \(remote.name) have a remote_id that is not an integer; they cannot be sent"
                    )
                )
            }
            if namesAgent, remote.adapter.defaultAgent == nil, links.withoutAgent > 0 {
                findings.append(
                    Finding(
                        severity: .warning, area: .database,
                        text:
                            "\(links.withoutAgent) rows of links for \(remote.name) name no agent_id and the configuration gives none; they cannot be sent"
                    ))
            }
        }
        let shared = try await store.sharedObjects(at: configuration.remotes.map(\.participation))
        findings += shared.prefix(Inspection.sharedObjects).map {
            Finding(severity: .warning, area: .database, text: $0.text, hint: "delete or correct all of these rows of links but one")
        }
        if shared.count > Inspection.sharedObjects {
            findings.append(
                Finding(
                    severity: .warning, area: .database,
                    text: "\(shared.count - Inspection.sharedObjects) more objects have several links; see convosync status --json"))
        }
        let unknown = try await store.linkedRemotes().subtracting(configuration.remotes.map(\.name)).sorted()
        // A remote with problems is missing from the configuration that was read, but it is configured.
        if isComplete, !unknown.isEmpty {
            findings.append(
                Finding(
                    severity: .warning, area: .database,
                    text: "links name remotes that are not configured: \(unknown.joined(separator: ", "))"))
        }
        return findings
    }
}
