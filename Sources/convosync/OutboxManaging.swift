import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

/// The options that `retry`, `discard` and `release` share.
struct ManagingOptions: ParsableArguments {
    @OptionGroup var filters: FilterOptions
    @Argument(help: "The rows; or none, with at least one filter.", completion: Completion.unfinishedRows) var ids: [Int64] = []
    @Flag(help: "Only show what would happen.") var dryRun = false
    @Flag(help: "Do not ask.") var yes = false
}

extension OutboxAction {
    /// More rows and ends of conversations than this have to be confirmed: on a terminal by a prompt, otherwise by --yes.
    private static let handful = 5

    func run(
        _ managing: ManagingOptions, _ options: ConfigurationOptions, _ output: OutputOptions, acceptDuplicate: Bool = false
    ) async throws {
        let filter = try managing.filters.filter(ids: managing.ids)
        guard !filter.selectsEverything else {
            throw ValidationError("name rows, or narrow them with --remote, --state, --conversation, --since, --error or --held-by")
        }
        try checkStates(filter)
        try await reportingErrors {
            let configuration = try options.loadForOperator()
            let store = try Store(path: configuration.databasePath, access: .existing)
            defer { store.close() }
            try await configuration.checkRemote(filter.remote, in: store)
            let now = SystemClock.now()
            var result = try await store.manage(self, filter, acceptDuplicate: acceptDuplicate, dryRun: true, now: now)
            // The brake works in both directions: it also holds back reports of remotes.
            let meansEnds = self == .release && filter.meansHeldEnds
            var ends = meansEnds ? try await heldEnds(filter, configuration, in: store, now: now) : nil
            let isConfirmed = try managing.dryRun || managing.yes || confirm(result.steps, ends: ends?.count ?? 0, output)
            if !managing.dryRun, isConfirmed {
                // The prompt may have waited for long, and the clock may have been set meanwhile.
                try await store.followClock()
                let now = SystemClock.now()
                result = try await store.manage(self, filter, acceptDuplicate: acceptDuplicate, now: now)
                if let held = ends {
                    let count = try await store.releaseEnds(filter, at: held.inService, dryRun: false, now: now)
                    ends?.count = count
                }
            }
            let skipped = result.skipped.map { SkippedRow($0, action: self) }
            show(result, skipped, ends: ends, managing.dryRun, isConfirmed, output)
            let leavesUncertain = result.skipped.contains { $0.obstacle == .mayHaveArrived(wasDiscarded: false) }
            try complain(of: skipped, selectsUncertain: filter.states.contains(.uncertain) && leavesUncertain, output)
        }
    }

    /// The ends of conversations that remotes report, that the brake holds, and that a release adopts.
    private struct Ends {
        var count: Int
        /// The remotes whose ends are released.
        var inService: [String]
        /// Other remotes at which ends wait, and why they stay so.
        var left: [(remote: String, reason: String)]
    }

    private func heldEnds(
        _ filter: OutboxFilter, _ configuration: OperatorConfiguration, in store: Store, now: Instant
    ) async throws -> Ends {
        let inService = configuration.namesInService(known: try await store.knownRemotes())
        let others = try await store.remotesHoldingEnds(filter).filter { !inService.contains($0) }
        return Ends(
            count: try await store.releaseEnds(filter, at: inService, dryRun: true, now: now), inService: inService,
            left: others.map { (remote: $0, reason: configuration.disables($0) ? "disabled" : "not configured") })
    }

    /// Throws for states on which the action never has an effect.
    private func checkStates(_ filter: OutboxFilter) throws {
        guard let state = filter.states.first(where: { !applicableStates.contains($0) }) else { return }
        let others = [OutboxAction.retry, .discard, .release].filter { $0.applicableStates.contains(state) }
        let hint = others.map { "convosync outbox \($0.rawValue) --state \(state.rawValue)" }.joined(separator: "` or `")
        throw ValidationError(
            "\(rawValue) applies to rows that are \(applicableStates.map(\.rawValue).joined(separator: ", ")), not to rows that are "
                + "\(state.rawValue)" + (hint.isEmpty ? "" : ": `\(hint)`"))
    }

    /// Confirms an action on many rows, or on many ends of conversations: prompts on a terminal, and requires --yes in scripts.
    private func confirm(_ steps: [ManagingResult.Step], ends: Int, _ output: OutputOptions) throws -> Bool {
        guard steps.count + ends > OutboxAction.handful else { return true }
        guard Terminal.inputIsTerminal, Terminal.outputIsTerminal, !output.json else {
            let adopted = ends > 0 ? " and adopt the end of \(counted(ends, "conversation"))" : ""
            Terminal.printError([
                "convosync: this would \(rawValue) \(counted(steps.count, "row"))\(adopted); where nobody can be asked, more than "
                    + "\(OutboxAction.handful) need --yes:",
                "  \(CommandText.repeated(with: "--yes"))", "Nothing was changed; --dry-run shows the rows.",
            ])
            throw ExitCode.wrongUsage
        }
        var effects = Dictionary(grouping: steps, by: \.effect.text).map { "\($0.value.count) to \($0.key)" }.sorted()
        if ends > 0 { effects.append("and the end of \(ends) conversations to be adopted") }
        print("\(rawValue) \(steps.count) rows (\(effects.joined(separator: ", ")))? [y/N] ", terminator: "")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    private func show(
        _ result: ManagingResult, _ skipped: [SkippedRow], ends: Ends?, _ isDryRun: Bool, _ isConfirmed: Bool, _ output: OutputOptions
    ) {
        if output.json {
            let left: [JSONValue] = (ends?.left ?? []).map { .string($0.remote) }
            print(
                JSONValue.object([
                    "action": .string(rawValue), "dry_run": .bool(isDryRun),
                    "affected": .array(result.affected.map { .integer($0) }), "rows": .array(result.steps.map(\.json)),
                    "ends": ends.map { .integer(Int64($0.count)) } ?? .null,
                    "ends_left_at": .array(left), "skipped": .array(skipped.map(\.json)),
                    "left_uncertain": .integer(Int64(result.leftUncertain)),
                ]).printableText)
            return
        }
        guard isConfirmed else { return print("nothing was changed") }
        let verb = isDryRun ? "would \(rawValue)" : self == .retry ? "retried" : self == .discard ? "discarded" : "released"
        let count = result.steps.count
        if count > 0 {
            Terminal.print("\(verb) \(count) row\(count == 1 ? "" : "s")" + (isDryRun ? "" : list(result.affected)))
            for line in waiting(result.steps) { Terminal.print(line) }
        } else if ends?.count ?? 0 == 0 {
            print(skipped.isEmpty ? "no rows match" : "no row was changed")
        }
        if let ends {
            if ends.count > 0 { print("\(isDryRun ? "would adopt" : "adopts") the end of \(counted(ends.count, "conversation"))") }
            for entry in ends.left {
                Terminal.print("left alone: ends of conversations at \(entry.remote), which is \(entry.reason)")
            }
        }
        if isDryRun, count > 0 { Terminal.print(table(result.steps)) }
        if result.leftUncertain > 0 {
            print("left alone: \(result.leftUncertain) uncertain, which may have arrived: convosync outbox list --state uncertain")
        }
    }

    /// Lists the rows to which the action did not apply, and throws the exit code for wrong usage.
    private func complain(
        of skipped: [SkippedRow], selectsUncertain: Bool, _ output: OutputOptions
    ) throws {
        guard !skipped.isEmpty else { return }
        if !output.json { Terminal.printError(SkippedRow.lines(skipped)) }
        if selectsUncertain {
            Terminal.printError([
                "convosync: --state uncertain needs --accept-duplicate: these messages may have arrived, and would be there twice. "
                    + "If that is better than not at all:",
                "  \(CommandText.repeated(with: "--accept-duplicate"))",
            ])
        }
        throw ExitCode.wrongUsage
    }

    private func table(_ steps: [ManagingResult.Step]) -> [String] {
        var table = TextTable(header: ["ID", "REMOTE", "CONVERSATION", "STATE", "WOULD", "CALL", "ERROR"])
        table.rows = steps.map { step in
            [
                .init("\(step.id)"), .init(step.remote), .init(step.conversationID), .init(step.state, OutboxView.colour(step.state)),
                .init(step.effect.text), .init("\(step.method) \(step.path)"), .init(step.lastError ?? ""),
            ]
        }
        return table.lines
    }

    /// Rows that are not sent yet, because another one comes first.
    private func waiting(_ steps: [ManagingResult.Step]) -> [String] {
        let lines = steps.compactMap { step in step.waitsFor.map { "row \(step.id) waits: row \($0) comes first" } }
        return Array(lines.prefix(20)) + (lines.count > 20 ? ["… and \(lines.count - 20) more rows wait; --json has all of them"] : [])
    }

    private func list(_ ids: [Int64]) -> String {
        ids.isEmpty ? "" : ": " + ids.prefix(20).map(String.init).joined(separator: ", ") + (ids.count > 20 ? ", …" : "")
    }
}

struct OutboxRetry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Send rows again: dead and discarded ones with a fresh count, waiting ones now.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var managing: ManagingOptions
    @Flag(help: "Also rows of unknown fate: the remote may get a message twice.") var acceptDuplicate = false

    func run() async throws { try await OutboxAction.retry.run(managing, options, output, acceptDuplicate: acceptDuplicate) }
}

struct OutboxDiscard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "discard", abstract: "Never send rows.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var managing: ManagingOptions

    func run() async throws { try await OutboxAction.discard.run(managing, options, output) }
}

struct OutboxRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let held rows go.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var managing: ManagingOptions

    func run() async throws { try await OutboxAction.release.run(managing, options, output) }
}

extension ManagingResult.Effect {
    var text: String {
        switch self {
        case .sendNow: "be sent now"
        case .sendAgain: "be sent now, with a fresh count"
        case .planAgain: "be planned again from the tables"
        case .drop: "be dropped"
        }
    }
}

extension ManagingResult.Step {
    var json: JSONValue {
        [
            "id": .integer(id), "remote": .string(remote), "conversation_id": .string(conversationID), "state": .string(state),
            "effect": .string(effect.rawValue), "method": .string(method), "path": .string(path), "last_error": .nullable(lastError),
            "waits_for": waitsFor.map { .integer($0) } ?? .null,
        ]
    }
}
