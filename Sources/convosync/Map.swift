import ArgumentParser
import SyncCore
import SyncDaemon

struct Map: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the effective status mapping, and which words lose information.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await reportingErrors {
            let remotes = try options.load().enabledRemotes.filter { $0.kind != .fin }
            print(output.json ? MapView.json(remotes).text : MapView.text(remotes))
        }
    }
}

/// `map` for people and for programs.
enum MapView {
    static func text(_ remotes: [RemoteConfiguration]) -> String {
        var table = TextTable(header: ["STATUS", "OWNER"] + remotes.map { $0.name.uppercased() })
        for state in LocalState.all {
            table.rows.append(
                [.init(state.status.rawValue), .init(state.owner.rawValue)]
                    + remotes.map { remote in
                        let cell = remote.profile.statusMap[state]
                        guard case .word(let word) = cell else { return .init("(no statement)", .dim) }
                        let loses = remote.profile.statusMap.ambiguous[word] != nil
                        return .init(loses ? "\(word) *" : word, loses ? .yellow : nil)
                    })
        }
        var lines = [table.text, "* stands for several local states: the remote cannot tell them apart"]
        for remote in remotes {
            for (word, gives) in remote.profile.statusMap.neverOver.sorted(by: { $0.key < $1.key }) {
                lines.append("\(remote.name): \(word) is never written over \(gives.sorted().joined(separator: " or "))")
            }
        }
        return lines.joined(separator: "\n")
    }

    static func json(_ remotes: [RemoteConfiguration]) -> JSONValue {
        var object: JSONObject = [:]
        for remote in remotes {
            let map = remote.profile.statusMap
            object[remote.name] = [
                "kind": .string(remote.kind.rawValue),
                "outbound": .array(
                    LocalState.all.map { state in
                        [
                            "status": .string(state.status.rawValue), "owner": .string(state.owner.rawValue),
                            "word": .string(map[state].text),
                        ]
                    }),
                "never_over": .object(map.neverOver.mapValues { .array($0.sorted().map(JSONValue.string)) }),
                "ambiguous": .array(map.ambiguous.keys.sorted().map(JSONValue.string)),
            ]
        }
        return ["remotes": .object(object)]
    }
}
