import FoundationEssentials
import SyncCore
import SyncRemotes
import SyncSystem
import TOMLKit

/// Reads the configuration file: parses it, checks every key, and reports all problems at once.
package enum ConfigurationFile {
    /// What could be read of a file, and all its problems.
    struct Reading: Sendable {
        /// If there are problems, this configuration can be inspected but must not be run: an invalid value is replaced by its default, and remotes
        /// without a kind, url or token are missing. Nil if the file could not be read at all.
        var configuration: Configuration?
        var problems: [ConfigurationError.Problem] = []
        /// The tokens and secrets named by enabled remotes, including remotes with other problems.
        var sources: [NamedSource] = []
        /// Remotes that the file names and that are missing from the configuration.
        var unreadRemotes: [UnreadRemote] = []
        /// The tables of which lines were skipped because the text is not valid TOML; nil if all of it was read. Then whole remotes may be missing as
        /// well.
        var damagedTables: Set<String>?
    }

    /// - Parameter checksCredentials: whether, if the file has problems, tokens and secrets that cannot be read are reported with them. (Otherwise
    ///   they are reported when they are needed.)
    /// - Throws: ``ConfigurationError`` with all problems.
    package static func load(
        path: String, checksCredentials: Bool = false, kinds: [Kind] = Kinds.all
    ) throws(ConfigurationError) -> Configuration {
        let reading = read(path: path, kinds: kinds)
        guard reading.problems.isEmpty, let configuration = reading.configuration else {
            throw ConfigurationError(problems: reading.problems + (checksCredentials ? unreadable(reading.sources) : []))
        }
        return configuration
    }

    private static func unreadable(_ sources: [NamedSource]) -> [ConfigurationError.Problem] {
        sources.compactMap { if case .failure(let problem) = $0.read() { problem } else { nil } }
    }

    static func read(path: String, kinds: [Kind] = Kinds.all) -> Reading {
        do {
            return read(try text(at: path), directory: FilePath.folder(of: path), kinds)
        } catch {
            return Reading(problems: error.problems)
        }
    }

    /// Reads as much of the file as is valid. If the text is not valid TOML, the lines outside of the invalid ones are read (``MendedText``), and their
    /// problems come after that of the original text.
    static func readLeniently(path: String, kinds: [Kind] = Kinds.all) -> Reading {
        do {
            return readLeniently(try text(at: path), directory: FilePath.folder(of: path), kinds: kinds)
        } catch {
            return Reading(problems: error.problems)
        }
    }

    static func readLeniently(_ source: String, directory: String, kinds: [Kind] = Kinds.all) -> Reading {
        var reading = read(source, directory: directory, kinds)
        guard reading.configuration == nil else { return reading }
        var text = MendedText(source)
        while let line = lineInQuestion(of: text.source) {
            guard text.leaveOut(line) else { return reading }
        }
        let mended = read(text.source, directory: directory, kinds)
        reading.configuration = mended.configuration
        let lines = KeyLines(text.source)
        reading.problems += mended.problems.filter { !isConsequence($0, of: text.damagedTables, lines) }
        reading.sources = mended.sources
        reading.unreadRemotes = mended.unreadRemotes
        reading.damagedTables = text.damagedTables
        return reading
    }

    /// Whether a problem may be due to the lines that were left out: a table of which lines are missing, or one below it, lacks something, or another
    /// table does without which it would be none.
    /// - Parameter lines: of the text without those lines.
    private static func isConsequence(_ problem: ConfigurationError.Problem, of damagedTables: Set<String>, _ lines: KeyLines) -> Bool {
        // Above all tables, a whole one may have been left out.
        let hasLostCause = problem.causes.contains { cause in
            damagedTables.contains { damaged in
                damaged.isEmpty ? cause.firstIndex(of: ".") == nil : overlap(damaged, cause)
            }
        }
        if hasLostCause { return true }
        let concernsDamage = damagedTables.contains { $0.isEmpty || problem.path == $0 || problem.path.hasPrefix("\($0).") }
        return concernsDamage && (!lines.has(problem.path) || damagedTables.contains(problem.path))
    }

    /// Whether one table is the other one, or lies in it.
    private static func overlap(_ left: String, _ right: String) -> Bool {
        left == right || left.hasPrefix("\(right).") || right.hasPrefix("\(left).")
    }

    private static func text(at path: String) throws(ConfigurationError) -> String {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw ConfigurationError(problems: [.init(path: "", line: nil, message: obstacle(at: path))])
        }
        guard let source = String(bytes: bytes, encoding: .utf8) else {
            throw ConfigurationError(problems: [.init(path: "", line: nil, message: "\(path) is not UTF-8 text")])
        }
        return source
    }

    /// Why a file has no contents for this user, and what to do about it.
    /// - Parameter reader: who has to be able to read it.
    static func obstacle(at path: String, reader: ServiceIdentity = .present) -> String {
        if let closed = ClosedFolder(above: path) {
            return "the configuration file \(path) cannot be looked for: \(reader.user) may not search \(closed.path); "
                + Inspection.admission(toFile: path, in: closed, of: reader)
        }
        return switch FileStatus.ifPresent(path)?.kind {
        case nil: "the configuration file \(path) does not exist; name another one with --config"
        case .directory?: "the configuration file \(path) is a directory; name another one with --config"
        default:
            "the configuration file \(path) cannot be read by \(reader.user): chgrp \(reader.group) \(path); chmod 0640 \(path)"
        }
    }

    /// - Parameter directory: the base of relative paths in the text.
    package static func parse(
        _ source: String, directory: String, kinds: [Kind] = Kinds.all
    ) throws(ConfigurationError) -> Configuration {
        let reading = read(source, directory: directory, kinds)
        guard reading.problems.isEmpty, let configuration = reading.configuration else {
            throw ConfigurationError(problems: reading.problems)
        }
        return configuration
    }

    private static func read(_ source: String, directory: String, _ kinds: [Kind]) -> Reading {
        let root: JSONObject
        do {
            root = try members(of: source)
        } catch {
            return Reading(problems: error.problems)
        }
        let problems = ProblemList(lines: KeyLines(source))
        let configuration = ConfigurationReader(directory: directory, problems: problems, kinds: kinds).read(root)
        return Reading(
            configuration: configuration, problems: problems.problems.sorted { ($0.line ?? 0, $0.path) < ($1.line ?? 0, $1.path) },
            sources: problems.sources, unreadRemotes: problems.unreadRemotes)
    }

    /// The line at which parsing fails; nil if the text is valid TOML.
    private static func lineInQuestion(of source: String) -> Int? {
        do {
            _ = try members(of: source)
            return nil
        } catch {
            return error.problems.first?.line ?? 0
        }
    }

    /// Every key that a configuration with these tables can have, as dotted paths.
    static func knownKeys(_ source: String, kinds: [Kind] = Kinds.all) throws(ConfigurationError) -> Set<String> {
        let problems = ProblemList(lines: KeyLines(source))
        _ = ConfigurationReader(directory: "", problems: problems, kinds: kinds).read(try members(of: source))
        return problems.askedFor
    }

    static func members(of source: String) throws(ConfigurationError) -> JSONObject {
        // The library reads up to the first one only.
        if let end = source.utf8.firstIndex(of: 0) {
            let line = source.utf8[..<end].count { $0 == UInt8(ascii: "\n") } + 1
            throw ConfigurationError(problems: [
                .init(
                    path: "", line: line,
                    message: "the file is not valid TOML: there is a NUL byte, as in a file that was not written to its end")
            ])
        }
        if let (line, expected) = FatalTOML.first(in: source) {
            throw ConfigurationError(problems: [.init(path: "", line: line, message: "the file is not valid TOML: \(expected)")])
        }
        do {
            let table = try TOMLTable(string: source)
            // Without the options that keep numbers hexadecimal, octal or binary.
            let text = table.convert(to: .json, options: [.allowUnicodeStrings, .quoteDateAndTimes, .quoteInfinitesAndNaNs])
            return try JSONValue(text: text).objectValue ?? [:]
        } catch let error as TOMLParseError {
            throw ConfigurationError(problems: [
                .init(
                    path: "", line: Int(error.source.begin.line), message: "the file is not valid TOML: \(withoutValues(error.description))"
                )
            ])
        } catch {
            throw ConfigurationError(problems: [.init(path: "", line: nil, message: "the file is not valid TOML")])
        }
    }

    /// A message of the library without long values: they may be misplaced tokens. Names of tables have no digits, as a rule.
    private static func withoutValues(_ message: String) -> String {
        message.split(separator: " ", omittingEmptySubsequences: false).map { word in
            TableReader.isShort(word) || !word.contains(where: \.isNumber) ? String(word) : "…"
        }.joined(separator: " ")
    }
}

/// Reads the tables of the file. An invalid value is added to the problems, and replaced by its default in the configuration.
struct ConfigurationReader {
    let directory: String
    let problems: ProblemList
    let kinds: [Kind]

    func read(_ members: JSONObject) -> Configuration {
        var root = TableReader(path: "", members: members, problems: problems)
        var database = root.table("database")
        let given = database.string("path")
        let path = given.flatMap { ConfigurationReader.databasePath($0, in: directory) }
        if !database.has("path") { problems.add("database.path", "is missing: the path of the SQLite file") }
        if given != nil, path == nil { problems.add("database.path", "has to be the path of a file") }
        database.finish()
        var configuration = Configuration(databasePath: path ?? "")
        configuration.schedule = schedule(root.table("schedule"))
        configuration.log = log(root.table("log"))
        configuration.retry = retry(root.table("retry"))
        configuration.brake = brake(root.table("brake"))
        configuration.retention = retention(root.table("retention"))
        configuration.metrics = metrics(root.table("metrics"))
        var assignees = root.table("assignees")
        if let ids = assignees.strings("ai") {
            configuration.assignees.ai = ids
            if ids.contains(where: \.isBlank) { problems.add("assignees.ai", "holds an id that is empty or white space") }
        }
        if let id = assignees.string("unknown") {
            configuration.assignees.unknown = id
            if id.isBlank || configuration.assignees.ai.contains(id) {
                problems.add("assignees.unknown", "has to be an id that is not among assignees.ai: it stands for a person")
            }
        }
        assignees.finish()
        var remotes = root.table("remotes")
        for name in remotes.keys {
            if name.isBlank {
                problems.add(
                    "remotes", "holds a table without a name; write [remotes.NAME]", at: remotes.dotted(name))
                continue
            }
            if ConfigurationReader.repeats(name, among: remotes.keys) {
                problems.add(
                    remotes.dotted(name),
                    "has the name of another remote, written with other characters that look the same (Unicode normalization); "
                        + "give it a name of its own")
                continue
            }
            let reader = RemoteReader(directory: directory, assignees: configuration.assignees, kinds: kinds)
            if let remote = reader.read(name: name, remotes.table(name)) {
                configuration.remotes.append(remote)
            } else {
                problems.note(UnreadRemote(name: name, table: members["remotes"]?[name], kinds: kinds))
            }
        }
        configuration.listen = listen(&root)
        checkCalls(&remotes, configuration, isListening: root.has("listen"))
        root.finish()
        checkLaws(configuration)
        return configuration
    }

    /// Checks both directions of every status map, alone and together. The maps of the kinds fit each other whatever is adopted
    /// (`RestSearchTests`), so there is nothing to search if the file changes none of them.
    private func checkLaws(_ configuration: Configuration) {
        let remotes = configuration.enabledRemotes.filter { remote in
            // A status value that the kind does not have breaks the laws as well, and was reported already.
            !problems.problems.contains {
                $0.path == "remotes.\(remote.name).status" || $0.path.hasPrefix("remotes.\(remote.name).status.")
            }
        }
        guard remotes.contains(where: { !$0.adapter.hasDefaultMaps }) else { return }
        for violation in StatusLaws.violations(of: remotes.map(\.adapter)) {
            let (path, place) = place(of: violation)
            problems.add(
                path, "contradicts itself (\(violation.law.rawValue)): \(violation.text); `convosync map` shows both directions", at: place,
                because: violation.law == .rest ? remotes.map { "remotes.\($0.name)" } : ["remotes.\(violation.remote)"])
        }
    }

    /// The key of the file that most likely has to be corrected: a status value that the file maps, or a state that it maps to a value.
    /// - Returns: the table or key to name, and the key whose line to show.
    private func place(of violation: StatusLaws.Violation) -> (path: String, line: String) {
        let table = "remotes.\(violation.remote).status"
        if let key = violation.words.map({ "\(table).inbound.\($0)" }).first(where: problems.hasLine) { return (key, key) }
        let states = violation.states.flatMap { ["\(table).\($0.status.rawValue).\($0.owner.rawValue)", "\(table).\($0.status.rawValue)"] }
        if let key = states.first(where: problems.hasLine) { return (table, key) }
        return problems.hasLine("\(table).inbound") && !problems.hasLine(table) ? ("\(table).inbound", "\(table).inbound") : (table, table)
    }

    /// Whether the name equals another one that comes before it in the order of their bytes. TOML and the database distinguish such names,
    /// the rest of the program compares them as strings.
    private static func repeats(_ name: String, among names: [String]) -> Bool {
        names.contains { $0 == name && ExactText($0) < ExactText(name) }
    }

    /// - Returns: nil for a text that does not name a file.
    static func databasePath(_ path: String, in directory: String) -> String? {
        guard !path.isBlank, !path.hasSuffix("/") else { return nil }
        let resolved = resolve(path, in: directory)
        // At the beginning, SQLite takes these for something else than the name of a file (`:memory:`, a URI).
        return resolved.hasPrefix(":") || resolved.hasPrefix("file:") ? "./\(resolved)" : resolved
    }

    static func resolve(_ path: String, in directory: String) -> String {
        path.hasPrefix("/") || directory.isEmpty ? path : "\(directory)/\(path)"
    }

    private func schedule(_ table: TableReader) -> Configuration.Schedule {
        var table = table
        var schedule = Configuration.Schedule()
        if let interval = table.span("interval", atLeast: .seconds(1)) { schedule.interval = interval }
        if let debounce = table.span("debounce") { schedule.debounce = debounce }
        if let stall = table.span("stall", atLeast: .milliseconds(100)) { schedule.stall = stall }
        if let timeout = table.span("shutdown_timeout") { schedule.shutdownTimeout = timeout }
        table.finish()
        return schedule
    }

    private func log(_ table: TableReader) -> Configuration.Log {
        var table = table
        var log = Configuration.Log()
        if let format = table.word("format", as: LogFormat.self) { log.format = format }
        if let level = table.word("level", as: LogLevel.self) { log.level = level }
        if let deliveries = table.word("deliveries", as: Configuration.DeliveryLogging.self) { log.deliveries = deliveries }
        if let repeats = table.integer("repeats", in: 1...1_000_000) { log.repeats = repeats }
        table.finish()
        return log
    }

    private func retry(_ table: TableReader) -> RetryPolicy {
        var table = table
        var policy = RetryPolicy()
        if let base = table.span("base", atLeast: .milliseconds(1)) { policy.base = base }
        if let cap = table.span("cap", atLeast: .milliseconds(1)) { policy.cap = cap }
        if let attempts = table.integer("max_attempts", in: 1...10_000) { policy.maximumAttempts = attempts }
        if let age = table.span("max_age", atLeast: .seconds(1)) { policy.maximumAge = age }
        if policy.cap < policy.base {
            problems.add("retry.cap", "\(policy.cap.notation) is shorter than retry.base, \(policy.base.notation)")
        }
        table.finish()
        return policy
    }
}
