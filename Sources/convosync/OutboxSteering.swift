import ArgumentParser
import SyncCore
import SyncDaemon
import SyncStore

/// What the three steering commands share.
struct SteeringOptions: ParsableArguments {
    @OptionGroup var filters: FilterOptions
    @Argument(help: "The rows; or none, with at least one filter.", completion: Completion.unfinishedRows) var ids: [Int64] = []
    @Flag(help: "Only show what would happen.") var dryRun = false
    @Flag(help: "Do not ask.") var yes = false
}

extension OutboxAction {
    /// More rows than this are confirmed on a terminal.
    private static let handful = 5

    func run(
        _ steering: SteeringOptions, _ options: ConfigurationOptions, _ output: OutputOptions, acceptDuplicate: Bool = false
    ) async throws {
        let filter = try steering.filters.filter(ids: steering.ids)
        guard !filter.selectsEverything else {
            throw ValidationError("name rows, or narrow them with --remote, --state, --conversation, --since, --error or --held-by")
        }
        try await reportingErrors {
            let store = try Store(path: try options.load().databasePath, access: .existing)
            let now = SystemClock.now()
            var result = try await store.steer(self, filter, acceptDuplicate: acceptDuplicate, dryRun: true, now: now)
            let isConfirmed = steering.dryRun || steering.yes || output.json || confirm(result.steps)
            if !steering.dryRun, isConfirmed {
                result = try await store.steer(self, filter, acceptDuplicate: acceptDuplicate, now: now)
            }
            // The brake works both ways: what a remote reports waits beside the rows.
            var ends: Int?
            if self == .release, filter.meansHeldEnds {
                ends = try await store.releaseEnds(filter, dryRun: steering.dryRun || !isConfirmed, now: now)
            }
            show(result, ends: ends, steering.dryRun, isConfirmed, output)
        }
    }

    /// Asks on a terminal; a script has said what it wants.
    private func confirm(_ steps: [SteeringResult.Step]) -> Bool {
        guard steps.count > OutboxAction.handful, Terminal.outputIsTerminal else { return true }
        let effects = Dictionary(grouping: steps, by: \.effect.text).map { "\($0.value.count) to \($0.key)" }.sorted()
        print("\(rawValue) \(steps.count) rows (\(effects.joined(separator: ", ")))? [y/N] ", terminator: "")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }

    private func show(_ result: SteeringResult, ends: Int?, _ isDryRun: Bool, _ isConfirmed: Bool, _ output: OutputOptions) {
        if output.json {
            print(
                JSONValue.object([
                    "action": .string(rawValue), "dry_run": .bool(isDryRun),
                    "affected": .array(result.affected.map { .integer($0) }), "rows": .array(result.steps.map(\.json)),
                    "ends": ends.map { .integer(Int64($0)) } ?? .null,
                    "skipped": .array(result.skipped.map { ["id": .integer($0.id), "reason": .string($0.reason)] }),
                ]).printableText)
            return
        }
        let verb =
            isDryRun || !isConfirmed ? "would \(rawValue)" : rawValue == "retry" ? "retried" : "\(rawValue)ed".replacing("eed", with: "ed")
        Terminal.print(
            "\(verb) \(result.affected.count) row\(result.affected.count == 1 ? "" : "s")"
                + (isDryRun ? "" : list(result.affected)))
        if let ends, ends > 0 {
            Terminal.print(
                "\(isDryRun || !isConfirmed ? "would take" : "takes") over the end of \(ends) conversation\(ends == 1 ? "" : "s")")
        }
        if isDryRun, !result.steps.isEmpty { Terminal.print(table(result.steps)) }
        for skipped in result.skipped { Terminal.print("skipped \(skipped.id): it \(skipped.reason)") }
    }

    private func table(_ steps: [SteeringResult.Step]) -> [String] {
        var table = TextTable(header: ["ID", "REMOTE", "CONVERSATION", "STATE", "WOULD", "CALL", "ERROR"])
        table.rows = steps.map { step in
            [
                .init("\(step.id)"), .init(step.remote), .init(step.conversationID), .init(step.state, OutboxView.colour(step.state)),
                .init(step.effect.text), .init("\(step.method) \(step.path)"), .init(step.lastError ?? ""),
            ]
        }
        return table.lines
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
    @OptionGroup var steering: SteeringOptions
    @Flag(help: "Also rows of unknown fate: the remote may get a message twice.") var acceptDuplicate = false

    func run() async throws { try await OutboxAction.retry.run(steering, options, output, acceptDuplicate: acceptDuplicate) }
}

struct OutboxDiscard: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "discard", abstract: "Never send rows.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var steering: SteeringOptions

    func run() async throws { try await OutboxAction.discard.run(steering, options, output) }
}

struct OutboxRelease: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let held rows go.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @OptionGroup var steering: SteeringOptions

    func run() async throws { try await OutboxAction.release.run(steering, options, output) }
}

extension SteeringResult.Effect {
    var text: String {
        switch self {
        case .sendNow: "be sent now"
        case .sendAgain: "be sent now, with a fresh count"
        case .planAgain: "be planned again from the tables"
        case .drop: "be dropped"
        }
    }
}

extension SteeringResult.Step {
    var json: JSONValue {
        [
            "id": .integer(id), "remote": .string(remote), "conversation_id": .string(conversationID), "state": .string(state),
            "effect": .string(effect.rawValue), "method": .string(method), "path": .string(path), "last_error": .nullable(lastError),
        ]
    }
}
