import ArgumentParser
import SyncCore
import SyncDaemon

struct Map: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the effective status mapping in both directions, and which status values are ambiguous.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await reportingErrors {
            let remotes = try options.load().enabledRemotes
            if output.json { print(MapView.json(remotes).printableText) } else { Terminal.print(MapView.lines(remotes)) }
        }
    }
}

/// The output of `map` for people and for programs.
enum MapView {
    static func lines(_ remotes: [Remote]) -> [String] {
        let written = remotes.filter { !$0.profile.lens.isReadOnly }
        var lines = ["What is sent:"] + outbound(written).lines
        let ambiguities = written.flatMap(ambiguities)
        if !ambiguities.isEmpty { lines += ["* the remote cannot distinguish these:"] + ambiguities.map { "  \($0)" } }
        for remote in written {
            for (word, gives) in remote.profile.statusMap.neverOver.sorted(by: { $0.key < $1.key }) {
                lines.append("\(remote.name): \(word) is never written over \(gives.sorted().joined(separator: " or "))")
            }
        }
        for remote in remotes where remote.profile.lens.isReadOnly { lines.append("\(remote.name): no status is ever written") }
        lines += ["", "What a status value of a remote means here, where the conversation does not look like it already:"]
        lines += inbound(remotes).lines
        if remotes.contains(where: { remote in remote.profile.inboundMap.cells.keys.contains { isCoarse($0, remote) } }) {
            lines.append("* several local statuses look like this there: a conversation with one of them keeps it, any other gets this one")
        }
        return lines
    }

    /// `vg: ended_chat stands for resolved, closed and ended`
    private static func ambiguities(_ remote: Remote) -> [String] {
        ambiguous(remote).sorted { $0.key < $1.key }.map { word, states in
            var names: [String] = []
            for state in states {
                let name = state.status.isFinished ? state.status.rawValue : "\(state.status.rawValue) (\(state.owner.rawValue))"
                if !names.contains(name) { names.append(name) }
            }
            return "\(remote.name): \(word) stands for \(names.dropLast().joined(separator: ", ")) and \(names.last ?? "")"
        }
    }

    private static func ambiguous(_ remote: Remote) -> [String: [LocalState]] {
        let tellsOwner = remote.adapter.sharedFields.contains { $0.role == .assignee }
        return remote.profile.statusMap.ambiguous(tellsOwner: tellsOwner)
    }

    private static func outbound(_ remotes: [Remote]) -> TextTable {
        var table = TextTable(header: ["STATUS", "OWNER"] + remotes.map { $0.name.uppercased() })
        let ambiguous = remotes.map(ambiguous)
        for status in LocalStatus.allCases {
            let owners = Owner.allCases.filter { owner in
                // If the owner makes no difference, one row covers all owners.
                owner == Owner.allCases.first || remotes.contains { !saysTheSame($0.profile.statusMap, status) }
            }
            for owner in owners {
                let state = LocalState(status, owner)
                table.rows.append(
                    [.init(status.rawValue), .init(owners.count == 1 ? "any" : owner.rawValue)]
                        + zip(remotes, ambiguous).map { remote, ambiguous in
                            guard case .word(let word) = remote.profile.statusMap[state] else { return .init("(no statement)", .dim) }
                            let isAmbiguous = ambiguous[word] != nil
                            return .init(isAmbiguous ? "\(word) *" : word, isAmbiguous ? .yellow : nil)
                        })
            }
        }
        return table
    }

    private static func saysTheSame(_ map: StatusMap, _ status: LocalStatus) -> Bool {
        Set(Owner.allCases.map { map[LocalState(status, $0)] }).count == 1
    }

    private static func inbound(_ remotes: [Remote]) -> TextTable {
        var table = TextTable(header: ["REMOTE", "VALUE", "STATUS", "OWNER"])
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
                let isCoarse = isCoarse(word, remote)
                table.rows.append([
                    .init(remote.name), .init(word), .init(isCoarse ? "\(status.rawValue) *" : status.rawValue, isCoarse ? .yellow : nil),
                    .init(owner.words),
                ])
            }
        }
        return table
    }

    /// Whether several local statuses are sent as this value, or it distinguishes less than a local status.
    private static func isCoarse(_ word: String, _ remote: Remote) -> Bool {
        Set(ambiguous(remote)[word]?.map(\.status) ?? []).count > 1 || remote.profile.inboundMap.isCoarse(word)
    }

    /// Whether different local states are sent as this value, or it distinguishes less than a local one.
    private static func loses(_ word: String, _ remote: Remote) -> Bool {
        ambiguous(remote)[word] != nil || remote.profile.inboundMap.isCoarse(word)
    }

    static func json(_ remotes: [Remote]) -> JSONValue {
        ["remotes": .object(JSONObject(members: remotes.map { ($0.name, json($0)) }))]
    }

    private static func json(_ remote: Remote) -> JSONValue {
        let map = remote.profile.statusMap
        let inbound = remote.profile.inboundMap
        return [
            "kind": .string(remote.kind.name),
            "outbound": .array(
                LocalState.all.map { state in
                    [
                        "status": .string(state.status.rawValue), "owner": .string(state.owner.rawValue),
                        "word": .string(map[state].text),
                    ]
                }),
            "inbound": .array(inbound.cells.sorted { $0.key < $1.key }.map { json($0.key, $0.value, remote) }),
            "never_over": .object(JSONObject(map.neverOver.mapValues { .array($0.sorted().map(JSONValue.string)) })),
            "ambiguous": .array(ambiguous(remote).keys.sorted().map(JSONValue.string)),
        ]
    }

    private static func json(_ word: String, _ cell: InboundMap.Cell, _ remote: Remote) -> JSONValue {
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
        case .assignee: "human, if a person is named; else as before"
        case .named: "human, if a person is named; else none"
        }
    }
}
