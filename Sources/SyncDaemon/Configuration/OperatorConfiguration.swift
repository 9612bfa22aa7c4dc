import SyncCore
import SyncRemotes
import SyncStore

/// A remote that the configuration file names, and whose table has problems that keep it from being read.
package struct UnreadRemote: Sendable, Equatable {
    package var name: String
    /// Nil if the file does not name it.
    package var kind: Kind?
    package var isEnabled: Bool

    init(name: String, kind: Kind?, isEnabled: Bool) {
        self.name = name
        self.kind = kind
        self.isEnabled = isEnabled
    }

    init(name: String, table: JSONValue?, kinds: [Kind]) {
        self.name = name
        // A remote named after its kind does not need the key `kind`.
        kind = kinds.named(table?["kind"]?.stringValue ?? name)
        isEnabled = table?["enabled"]?.boolValue ?? true
    }
}

/// The configuration as used by commands that inspect the database and manage its rows. They also work with an invalid file, as long as it names the
/// database, because they are needed most while an installation is being repaired.
package struct OperatorConfiguration: Sendable {
    /// If there are ``problems``, this can be inspected but must not be run: an invalid value is replaced by its default, and ``unreadRemotes`` are
    /// missing.
    private let configuration: Configuration
    private let unreadRemotes: [UnreadRemote]
    private let damagedTables: Set<String>?
    private let kinds: [Kind]
    /// All problems of the file; empty for a valid one.
    package let problems: [ConfigurationError.Problem]

    /// - Throws: ``ConfigurationError`` with all problems, if not even the path of the database can be read.
    package static func load(path: String, kinds: [Kind] = Kinds.all) throws(ConfigurationError) -> OperatorConfiguration {
        try OperatorConfiguration(ConfigurationFile.readLeniently(path: path, kinds: kinds), kinds: kinds)
    }

    /// The same for a text. Relative paths in it are resolved in `directory`.
    package static func parse(
        _ source: String, directory: String, kinds: [Kind] = Kinds.all
    ) throws(ConfigurationError) -> OperatorConfiguration {
        try OperatorConfiguration(ConfigurationFile.readLeniently(source, directory: directory, kinds: kinds), kinds: kinds)
    }

    init(_ reading: ConfigurationFile.Reading, kinds: [Kind] = Kinds.all) throws(ConfigurationError) {
        guard let configuration = reading.configuration, !configuration.databasePath.isEmpty else {
            throw ConfigurationError(problems: reading.problems)
        }
        self.configuration = configuration
        self.kinds = kinds
        unreadRemotes = reading.unreadRemotes
        damagedTables = reading.damagedTables
        problems = reading.problems
    }

    package var isValid: Bool { problems.isEmpty }
    package var databasePath: String { configuration.databasePath }
    package var assignees: Configuration.Assignees { configuration.assignees }
    /// Those that could be read, sorted by name.
    package var remotes: [Remote] { configuration.remotes }
    package var enabledRemotes: [Remote] { configuration.enabledRemotes }

    /// The names of the remotes in service, sorted, including those of which only the name is known, so that rows waiting for them are not hidden.
    /// - Parameter known: the remotes in the database, with their kinds.
    package func namesInService(known: [String: String]) -> [String] {
        (enabledRemotes.map(\.name) + unreadInService(known: known).map(\.name)).sorted()
    }

    /// The remotes in service as the store uses them, as far as their kind is known. Sorted by name.
    package func participationsInService(known: [String: String]) -> [RemoteParticipation] {
        (enabledRemotes.map(\.participation) + unreadInService(known: known).compactMap(\.participation)).sorted { $0.name < $1.name }
    }

    /// The remotes in service that could not be read. If parts of the file had to be skipped, this includes all remotes in the database that the rest
    /// of the file does not name.
    package func unreadInService(known: [String: String]) -> [UnreadRemote] {
        let named = unreadRemotes.filter(\.isEnabled).map { remote in
            var remote = remote
            remote.kind = remote.kind ?? known[remote.name].flatMap(kinds.named)
            return remote
        }
        guard damagedTables != nil else { return named }
        let others = known.filter { !names.contains($0.key) }.map { name, kind in
            UnreadRemote(name: name, kind: kinds.named(kind), isEnabled: true)
        }
        return (named + others).sorted { $0.name < $1.name }
    }

    /// The remotes in service without problems in their own tables or in tables that they depend on, so that decisions about them can be worked out.
    package var soundRemotes: [Remote] {
        let damaged = problems.map(\.path) + (damagedTables ?? [])
        return enabledRemotes.filter { remote in
            !damaged.contains { path in
                ["assignees", "remotes.\(remote.name)"].contains { path == $0 || path.hasPrefix("\($0).") }
            }
        }
    }

    /// The other remotes in service, as far as their kind is known. Sorted by name.
    package func undecidable(known: [String: String]) -> [UnreadRemote] {
        let sound = Set(soundRemotes.map(\.name))
        let read = enabledRemotes.filter { !sound.contains($0.name) }.map { UnreadRemote(name: $0.name, kind: $0.kind, isEnabled: true) }
        return (read + unreadInService(known: known).filter { $0.kind != nil }).sorted { $0.name < $1.name }
    }

    /// The names of all remotes in the file, sorted.
    package var names: [String] { (remotes.map(\.name) + unreadRemotes.map(\.name)).sorted() }

    /// Whether the file disables the remote.
    package func disables(_ remote: String) -> Bool {
        remotes.contains { $0.name == remote && !$0.isEnabled } || unreadRemotes.contains { $0.name == remote && !$0.isEnabled }
    }

    /// All remotes whose kind is known, as the store uses them.
    package var participations: [RemoteParticipation] { remotes.map(\.participation) + unreadRemotes.compactMap(\.participation) }
}
