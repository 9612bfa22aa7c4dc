import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Outbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show and manage outbox rows.",
        subcommands: [OutboxList.self, OutboxShow.self, OutboxRetry.self, OutboxDiscard.self, OutboxRelease.self])
}

/// The filters that all outbox commands share.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only this remote.", completion: Completion.remotes)
    var remote: String?

    @Option(help: "Only this conversation.", completion: Completion.conversations)
    var conversation: String?

    @Option(
        help: ArgumentHelp(
            "Only this state; may be given more than once.", valueName: OutboxState.allCases.map(\.rawValue).joined(separator: "|")),
        completion: Completion.states)
    var state: [String] = []

    @Option(help: ArgumentHelp("Only rows written since then: a timestamp in ISO 8601, or an age such as 2h.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only rows whose last error contains this text.", valueName: "text"))
    var error: String?

    @Option(
        help: ArgumentHelp("Only rows that are held by this one.", valueName: Holder.allCases.map(\.rawValue).joined(separator: "|")),
        completion: Completion.holders)
    var heldBy: String?

    @Option(help: ArgumentHelp("At most this many rows.", valueName: "number"))
    var limit: Int?

    func filter(ids: [Int64]) throws -> OutboxFilter {
        var filter = OutboxFilter()
        filter.ids = ids
        filter.remote = remote
        filter.conversation = conversation
        filter.error = error
        filter.limit = limit
        filter.states = try state.map { text in
            guard let state = OutboxState(rawValue: text) else {
                throw ValidationError(
                    "--state takes one of \(OutboxState.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(text.onOneLine)\"")
            }
            return state
        }
        if let since {
            let age = Duration(notation: since).map { SystemClock.now() - $0 }
            guard let moment = Instant(iso8601: since) ?? age else {
                throw ValidationError(
                    "--since takes a timestamp such as 2026-01-31T09:30:00Z or an age such as 2h, not \"\(since.onOneLine)\"")
            }
            filter.since = moment
        }
        if let heldBy {
            guard let holder = Holder(rawValue: heldBy) else {
                throw ValidationError(
                    "--held-by takes one of \(Holder.allCases.map(\.rawValue).joined(separator: ", ")), not \"\(heldBy.onOneLine)\"")
            }
            filter.holder = holder
        }
        if let limit, limit < 1 { throw ValidationError("--limit takes a number of 1 or more") }
        return filter
    }
}

struct OutboxList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List rows, newest first.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var filters: FilterOptions
    @Argument(help: "Only these rows.", completion: Completion.rows) var ids: [Int64] = []

    func run() async throws {
        var filter = try filters.filter(ids: ids)
        try await reportingErrors {
            let configuration = try options.loadForOperator()
            let store = try Store(path: configuration.databasePath, access: .reading)
            try await configuration.checkRemote(filter.remote, in: store)
            // Limits the output for people; programs get all rows.
            let isBounded = filter.limit == nil && !output.json
            if isBounded { filter.limit = 51 }
            let rows = try await store.outbox(filter)
            let missing = try await SkippedRow.missing(ids, in: store)
            if output.json {
                print(OutboxView.json(rows.map { OutboxView.json($0) }, missing).printableText)
            } else {
                Terminal.print(OutboxView.table(isBounded ? Array(rows.prefix(50)) : rows, now: SystemClock.now()))
                if isBounded, rows.count > 50 { print("… more; see --limit") }
            }
            try SkippedRow.complain(of: missing, output)
        }
    }
}

struct OutboxShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show rows with their history.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Also show the text of messages.") var body = false
    @Argument(help: "The rows.", completion: Completion.rows) var ids: [Int64]

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.loadForOperator()
            let store = try Store(path: configuration.databasePath, access: .reading)
            let remotes = try await store.storedRemotes()
            let now = SystemClock.now()
            var filter = OutboxFilter()
            filter.ids = ids
            let rows = try await store.outbox(filter)
            var shown: [JSONValue] = []
            for row in rows.sorted(by: { $0.id < $1.id }) {
                let history = OutboxHistory(
                    attempts: try await store.attempts(of: row.id), superseded: try await store.superseded(by: row.id),
                    nextTry: OutboxHistory.nextTry(of: row, gate: remotes[row.remote]?.gate ?? .init(), now: now))
                if output.json {
                    shown.append(OutboxView.json(row, history, showsMessages: body))
                } else {
                    Terminal.print(OutboxView.lines(row, history, showsMessages: body, now: now))
                }
            }
            let missing = try await SkippedRow.missing(ids, in: store)
            if output.json { print(OutboxView.json(shown, missing).printableText) }
            try SkippedRow.complain(of: missing, output)
        }
    }
}
