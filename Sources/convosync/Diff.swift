import ArgumentParser
import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

struct Diff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the conversations that are out of step: the field, here, there, and why nothing is sent.",
        discussion: """
            Compares every conversation with what its remotes are known to hold; sends and writes nothing, and asks no remote. \
            With many conversations it takes a while.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Option(help: "Only this remote.", completion: Completion.remotes) var remote: String?

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.loadForOperator()
            let store = try Store(path: configuration.databasePath, access: .reading)
            let undecided = configuration.undecidable(known: try await store.knownRemotes()).map(\.name)
            let names = configuration.soundRemotes.map(\.name) + undecided
            if let remote, !names.contains(remote) {
                throw ValidationError(
                    "there is no enabled remote \"\(remote.onOneLine)\"; there are: \(names.sorted().map(\.onOneLine).joined(separator: ", "))"
                )
            }
            let (now, isJSON) = (SystemClock.now(), output.json)
            let view = DiffView(isJSON: isJSON, undecided: undecided.filter { remote == nil || $0 == remote })
            let remotes = configuration.soundRemotes.filter { remote == nil || $0.name == remote }
            let finder = DifferenceFinder(remotes) { isJSON ? $0 : DisplayedTime.text($0, now: now) }
            try await finder.find(in: store, now: now) { await view.show($0) }
            await view.finish()
        }
    }
}

/// Prints differences as they are found, so that many of them need little memory.
actor DiffView {
    private static let valueWidth = 40
    private let isJSON: Bool
    /// Remotes whose configuration has problems, so that nothing can be decided for them.
    private let undecided: [String]
    private var count = 0
    private var conversations: Set<ExactText> = []

    init(isJSON: Bool, undecided: [String]) {
        self.isJSON = isJSON
        self.undecided = undecided
        if isJSON { print("{\"differences\":[", terminator: "") }
    }

    func show(_ differences: [Difference]) {
        for difference in differences {
            if isJSON {
                print(count == 0 ? "" : ",", DiffView.json(difference).printableText, separator: "\n", terminator: "")
            } else {
                Terminal.print(DiffView.lines(difference))
            }
            count += 1
            conversations.insert(ExactText(difference.conversationID))
        }
    }

    func finish() {
        if isJSON {
            let names = JSONValue.array(undecided.map(JSONValue.string)).printableText
            return print("],\"count\":\(count),\"conversations\":\(conversations.count),\"undecided\":\(names)}")
        }
        if !undecided.isEmpty {
            Terminal.print("not compared, because their configuration has mistakes: \(undecided.joined(separator: ", "))")
        }
        guard count > 0 else { return Terminal.print(undecided.isEmpty ? "nothing differs, as far as is known" : "nothing else differs") }
        Terminal.print("\(counted(conversations.count, "conversation")) out of step, \(counted(count, "difference"))")
    }

    private static func json(_ difference: Difference) -> JSONValue {
        [
            "conversation": .string(difference.conversationID), "remote": .string(difference.remote), "field": .string(difference.field),
            "local": difference.local, "theirs": difference.theirs, "reason": .string(difference.reason.rawValue),
            "detail": .string(difference.detail), "outbox_id": difference.outboxID.map { .integer($0) } ?? .null,
        ]
    }

    private static func lines(_ difference: Difference) -> [String] {
        let what: String
        switch difference.field {
        case "message": what = "message \(difference.local.stringValue ?? "") has not been taken"
        case "link": what = "object \(difference.local.stringValue ?? "")"
        default:
            what =
                "\(difference.field): here \(short(difference.local)), there \(difference.isTheirsKnown ? short(difference.theirs) : "not known")"
        }
        let reason = difference.reason.rawValue.replacing("_", with: " ")
        return [
            "\(Terminal.paint("\(difference.remote)  \(difference.conversationID)", .bold))  \(what)",
            "    \(Terminal.paint(reason, colour(difference.reason))): \(difference.detail)",
        ]
    }

    private static func colour(_ reason: Difference.Reason) -> Terminal.Colour? {
        switch reason {
        case .waiting, .sending, .left: .dim
        case .retrying, .held, .unmapped, .omitted, .discarded: .yellow
        case .putAside, .refused, .uncertain, .linkGone, .linkShared, .unexplained: .red
        }
    }

    private static func short(_ value: JSONValue) -> String {
        let text = value == .null ? "nothing" : value.text
        return text.count <= valueWidth ? text : "\(text.prefix(valueWidth - 1))…"
    }
}
