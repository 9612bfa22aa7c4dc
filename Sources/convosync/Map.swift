import ArgumentParser
import SyncCore
import SyncDaemon
import SyncRemotes

struct Map: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the effective status mapping in both directions, and which words lose information.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await reportingErrors {
            let remotes = try options.load().enabledRemotes
            if output.json { print(MapView.json(remotes).printableText) } else { Terminal.print(MapView.lines(remotes)) }
        }
    }
}

/// `map` for people and for programs.
enum MapView {
    static func lines(_ remotes: [RemoteConfiguration]) -> [String] {
        let written = remotes.filter { !$0.profile.lens.isReadOnly }
        var lines = ["What is sent:"] + outbound(written).lines
        lines.append("* stands for several local states: the remote cannot tell them apart")
        for remote in written {
            for (word, gives) in remote.profile.statusMap.neverOver.sorted(by: { $0.key < $1.key }) {
                lines.append("\(remote.name): \(word) is never written over \(gives.sorted().joined(separator: " or "))")
            }
        }
        for remote in remotes where remote.profile.lens.isReadOnly { lines.append("\(remote.name): no status is ever written") }
        lines += ["", "What a word of a remote means here, where the conversation does not look like it already:"] + inbound(remotes).lines
        lines.append("* loses information: local words that look the same over there survive it, others become this one")
        return lines
    }

    private static func outbound(_ remotes: [RemoteConfiguration]) -> TextTable {
        var table = TextTable(header: ["STATUS", "OWNER"] + remotes.map { $0.name.uppercased() })
        for state in LocalState.all {
            table.rows.append(
                [.init(state.status.rawValue), .init(state.owner.rawValue)]
                    + remotes.map { remote in
                        guard case .word(let word) = remote.profile.statusMap[state] else { return .init("(no statement)", .dim) }
                        let loses = remote.profile.statusMap.ambiguous[word] != nil
                        return .init(loses ? "\(word) *" : word, loses ? .yellow : nil)
                    })
        }
        return table
    }

    private static func inbound(_ remotes: [RemoteConfiguration]) -> TextTable {
        var table = TextTable(header: ["REMOTE", "WORD", "STATUS", "OWNER"])
        for remote in remotes {
            for (word, cell) in remote.profile.inboundMap.cells.sorted(by: { $0.key < $1.key }) {
                guard case .state(let status, let owner) = cell else {
                    let isEnd = cell == .endsAI
                    table.rows.append([
                        .init(remote.name), .init(word), .init(isEnd ? "as before" : "(no statement)", .dim),
                        .init(isEnd ? "none, if the AI has an open one; else as before" : ""),
                    ])
                    continue
                }
                let loses = loses(word, remote)
                table.rows.append([
                    .init(remote.name), .init(word), .init(loses ? "\(status.rawValue) *" : status.rawValue, loses ? .yellow : nil),
                    .init(owner.words),
                ])
            }
        }
        return table
    }

    /// Whether local states that differ are sent as this word, or it says less than a local word.
    private static func loses(_ word: String, _ remote: RemoteConfiguration) -> Bool {
        remote.profile.statusMap.ambiguous[word] != nil || remote.profile.inboundMap.isCoarse(word)
    }

    static func json(_ remotes: [RemoteConfiguration]) -> JSONValue {
        ["remotes": .object(JSONObject(members: remotes.map { ($0.name, json($0)) }))]
    }

    private static func json(_ remote: RemoteConfiguration) -> JSONValue {
        let map = remote.profile.statusMap
        let inbound = remote.profile.inboundMap
        return [
            "kind": .string(remote.kind.rawValue),
            "outbound": .array(
                LocalState.all.map { state in
                    [
                        "status": .string(state.status.rawValue), "owner": .string(state.owner.rawValue),
                        "word": .string(map[state].text),
                    ]
                }),
            "inbound": .array(inbound.cells.sorted { $0.key < $1.key }.map { json($0.key, $0.value, remote) }),
            "never_over": .object(JSONObject(map.neverOver.mapValues { .array($0.sorted().map(JSONValue.string)) })),
            "ambiguous": .array(map.ambiguous.keys.sorted().map(JSONValue.string)),
        ]
    }

    private static func json(_ word: String, _ cell: InboundMap.Cell, _ remote: RemoteConfiguration) -> JSONValue {
        guard case .state(let status, let owner) = cell else {
            return [
                "word": .string(word), "status": "none", "owner": cell == .endsAI ? "ends_ai" : "unchanged", "loses_information": false,
            ]
        }
        return [
            "word": .string(word), "status": .string(status.rawValue), "owner": .string(owner.rawValue),
            "loses_information": .bool(loses(word, remote)),
        ]
    }
}

extension InboundMap.OwnerImage {
    /// For people.
    fileprivate var words: String {
        switch self {
        case .ai, .none, .human: rawValue
        case .unchanged: "as before"
        case .assignee: "human, if somebody is named; else as before"
        case .named: "human, if somebody is named; else none"
        }
    }
}
