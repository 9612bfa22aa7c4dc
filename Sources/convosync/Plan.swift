import ArgumentParser
import SyncCore
import SyncDaemon
import SyncStore

struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a run would send, as a diff from what each remote acknowledged. Sends and writes nothing.")

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        try await reportingErrors {
            let configuration = try options.load()
            let store = try Store(path: configuration.databasePath, access: .reading)
            let planner = Planner(configuration: configuration, random: RandomSource())
            let view = PlanView(isJSON: output.json)
            try await store.preview(planner.context(runID: 0, now: SystemClock.now())) { page in
                for item in page { view.show(item) }
            }
            view.finish()
        }
    }
}

/// Prints a preview while it is being worked out, so that a large one needs no memory.
final class PlanView: @unchecked Sendable {
    // Only the one closure that the preview calls page by page, in order, touches these.
    private let isJSON: Bool
    private var calls = 0
    private var refused = 0

    init(isJSON: Bool) {
        self.isJSON = isJSON
        if isJSON { print("{\"calls\":[", terminator: "") }
    }

    func show(_ item: PlanPreview) {
        switch item.decision {
        case .upToDate: return
        case .send: calls += 1
        case .refuse: refused += 1
        }
        if isJSON {
            print(calls + refused > 1 ? "," : "", PlanView.json(item).text, separator: "\n", terminator: "")
        } else {
            print(PlanView.text(item))
        }
    }

    func finish() {
        if isJSON {
            print("],\"planned\":\(calls),\"refused\":\(refused)}")
        } else if calls + refused == 0 {
            print("nothing to send")
        } else {
            print("\(calls) calls to make" + (refused > 0 ? ", \(refused) that cannot be made" : ""))
        }
    }

    private static func json(_ item: PlanPreview) -> JSONValue {
        var object: JSONObject = ["conversation_id": .string(item.conversationID), "remote": .string(item.remote)]
        if case .outbox(let id, let dueAt, _) = item.source {
            object["outbox_id"] = .integer(id)
            object["due_at"] = .string(dueAt)
        }
        switch item.decision {
        case .upToDate: break
        case .send(let planned):
            object["operation"] = .string(planned.call.operation)
            object["method"] = .string(planned.call.method)
            object["path"] = .string(planned.call.path)
            object["body"] = planned.call.body
            object["fields"] = planned.delta.map { .object(changes($0, base: item.base)) } ?? .null
        case .refuse(_, let refusal):
            object["refused"] = .string(refusal.reason)
        }
        return .object(object)
    }

    private static func changes(_ delta: Delta, base: Fields) -> JSONObject {
        delta.fields.reduce(into: [:]) { changes, field in
            var change: JSONObject = ["to": field.value]
            if let before = base[field.key] { change["from"] = before }
            changes[field.key] = .object(change)
        }
    }

    private static func text(_ item: PlanPreview) -> String {
        var source = ""
        if case .outbox(let id, let dueAt, _) = item.source { source = "  (outbox \(id), due \(dueAt))" }
        switch item.decision {
        case .upToDate:
            return ""
        case .refuse(_, let refusal):
            return Terminal.paint("\(item.remote)  \(item.conversationID)  cannot be sent: \(refusal.reason)", .red)
        case .send(let planned):
            var lines = [
                Terminal.paint("\(item.remote)  \(item.conversationID)  \(planned.call.method) \(planned.call.path)\(source)", .bold)
            ]
            if let delta = planned.delta {
                lines += delta.fields.sorted { $0.key < $1.key }.map { name, value in
                    let before = item.base[name].map { Terminal.paint(shown($0), .red) } ?? Terminal.paint("(never sent)", .dim)
                    return "    \(name): \(before) → \(Terminal.paint(shown(value), .green))"
                }
            } else {
                lines.append("    one message by the user, \(planned.call.body["message"]?["timestamp"]?.stringValue ?? "")")
            }
            return lines.joined(separator: "\n")
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        let text = value.text
        return text.count <= 80 ? text : text.prefix(79) + "…"
    }
}
