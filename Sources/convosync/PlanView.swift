import SyncCore
import SyncRemotes
import SyncStore

/// Prints a preview while it is worked out, so that a large one needs little memory.
final class PlanView: @unchecked Sendable {
    // Used only from the closure that the preview calls page by page, in order.
    private let isJSON: Bool
    private var calls = 0
    private var refused = 0
    private var held: [Holder: Int] = [:]
    private let scope: PreviewScope
    private let now: Instant
    private var isFirst = true
    // A conversation counts once, however many remotes it is sent to.
    private var touched: Set<ExactText> = []
    private var finished: Set<ExactText> = []

    var reach: Brake.Reach { Brake.Reach(touched: touched.count, finished: finished.count) }

    init(isJSON: Bool, scope: PreviewScope, now: Instant) {
        self.isJSON = isJSON
        self.scope = scope
        self.now = now
        if isJSON { print("{\"calls\":[", terminator: "") }
    }

    func show(_ item: PlanPreview) {
        if item.touches { touched.insert(ExactText(item.conversationID)) }
        if item.finishes { finished.insert(ExactText(item.conversationID)) }
        switch (item.decision, item.source) {
        case (.upToDate, _): return
        case (.send, .held(_, let holder)), (.hold(_, let holder, _), _): held[holder, default: 0] += 1
        case (.send, _): calls += 1
        case (.refuse, _): refused += 1
        }
        defer { isFirst = false }
        if isJSON {
            print(isFirst ? "" : ",", PlanView.json(item).printableText, separator: "\n", terminator: "")
        } else {
            Terminal.print(lines(item))
        }
    }

    func finish(_ engagement: Brake.Engagement?) {
        let sum = held.values.reduce(0, +)
        if isJSON {
            let holders = JSONValue.object(
                JSONObject(members: Holder.allCases.compactMap { holder in held[holder].map { (holder.rawValue, .integer(Int64($0))) } }))
            print(
                "],\"planned\":\(calls),\"refused\":\(refused),\"held\":\(sum),\"held_by\":\(holders.printableText),"
                    + "\"brake\":\((engagement?.json ?? .null).printableText)}")
            return
        }
        if let engagement {
            Terminal.print(
                Terminal.paint(
                    "the brake would hold this back (\(engagement.rule.rawValue)): it would \(engagement.summary); see [brake]", .red))
        }
        guard !isFirst else { return Terminal.print("nothing to send") }
        var parts = ["\(calls) call\(calls == 1 ? "" : "s") to make"]
        if refused > 0 { parts.append("\(refused) that cannot be made") }
        if sum > 0 { parts.append("\(sum) held") }
        Terminal.print([parts.joined(separator: ", ")] + heldLines)
    }

    /// Rows held by the brake are released together. Rows of other holders each have a reason of their own.
    private var heldLines: [String] {
        var lines: [String] = []
        if let count = held[.brake] {
            let remote = scope.remote.map { " --remote \(CommandText.quoted($0))" } ?? ""
            let conversation = scope.conversationID.map { " --conversation \(CommandText.quoted($0))" } ?? ""
            let selection = "--held-by brake\(remote)\(conversation)"
            lines.append(
                "\(count) held by the brake: `convosync outbox release \(selection)` sends, `convosync outbox discard \(selection)` drops them"
            )
        }
        for holder in Holder.allCases where holder != .brake {
            guard let count = held[holder] else { continue }
            let receivers = Kinds.all.filter(\.receivesMessages).map(\.product).joined(separator: " or ")
            let reason = holder == .receiver ? "\(receivers) takes no message at present" : "the remote undoes what it is sent"
            lines.append(
                "\(count) held because \(reason): `convosync outbox list --held-by \(holder.rawValue)`; look at each before you release it")
        }
        return lines
    }

    private static func json(_ item: PlanPreview) -> JSONValue {
        var object: JSONObject = ["conversation_id": .string(item.conversationID), "remote": .string(item.remote)]
        if case .outbox(let id, let dueAt, _) = item.source {
            object["outbox_id"] = .integer(id)
            object["due_at"] = .string(dueAt)
        }
        if case .held(let id, let holder) = item.source {
            object["outbox_id"] = .integer(id)
            object["held_by"] = .string(holder.rawValue)
        }
        switch item.decision {
        case .upToDate: break
        case .send(let planned), .hold(let planned, _, _):
            object["operation"] = .string(planned.call.operation)
            object["method"] = .string(planned.call.method)
            object["path"] = .string(planned.call.path)
            object["body"] = planned.call.body
            object["fields"] = planned.delta.map { .object(changes($0, base: item.base)) } ?? .null
            if !planned.omissions.isEmpty {
                object["omitted"] = .array(planned.omissions.map { ["field": .string($0.field), "reason": .string($0.reason)] })
            }
            if case .hold(_, let holder, let reason) = item.decision {
                object["held_by"] = .string(holder.rawValue)
                object["reason"] = .string(reason)
            }
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

    private func lines(_ item: PlanPreview) -> [String] {
        var source = ""
        if case .outbox(let id, let dueAt, _) = item.source { source = "  (outbox \(id), due \(DisplayedTime.text(dueAt, now: now)))" }
        if case .held(let id, let holder) = item.source { source = "  (outbox \(id), held: \(holder.rawValue))" }
        switch item.decision {
        case .upToDate:
            return []
        case .refuse(_, let refusal):
            return [Terminal.paint("\(item.remote)  \(item.conversationID)  cannot be sent: \(refusal.reason)", .red)]
        case .send(let planned), .hold(let planned, _, _):
            if case .hold(_, let holder, _) = item.decision { source = "  (held: \(holder.rawValue))" }
            var lines = [
                Terminal.paint("\(item.remote)  \(item.conversationID)  \(planned.call.method) \(planned.call.path)\(source)", .bold)
            ]
            if let delta = planned.delta {
                lines += delta.fields.sorted.map { name, value in
                    let before = item.base[name].map { Terminal.paint(PlanView.shown($0), .red) } ?? Terminal.paint("(never sent)", .dim)
                    return "    \(name): \(before) → \(Terminal.paint(PlanView.shown(value), .green))"
                }
            } else {
                lines.append("    one message by the user, \(planned.call.body["message"]?["timestamp"]?.stringValue ?? "")")
            }
            lines += planned.omissions.map { Terminal.paint("    \($0.field) is left out: \($0.reason)", .yellow) }
            return lines
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        let text = value.text
        return text.count <= 80 ? text : text.prefix(79) + "…"
    }
}

extension Brake.Engagement {
    var json: JSONValue {
        [
            "rule": .string(rule.rawValue), "touched": .integer(Int64(reach.touched)), "finished": .integer(Int64(reach.finished)),
            "conversations": .integer(Int64(conversations)),
        ]
    }
}
