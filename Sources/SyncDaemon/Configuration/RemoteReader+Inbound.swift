import SyncCore
import SyncRemotes

/// The part of a remote's table that shapes what comes back: what its words mean, what is taken over, when it is read.
extension RemoteReader {
    func adoption(_ kind: RemoteKind, _ table: inout TableReader) -> AdoptionPolicy {
        var policy = AdoptionPolicy()
        if let names = table.strings("adopt") {
            policy.fields = []
            for name in names {
                let allowed = RemoteReader.adoptableFields(of: kind)
                guard let field = AdoptionPolicy.Field(rawValue: name), allowed.contains(field) else {
                    let names = allowed.map(\.rawValue)
                    table.problems.add(
                        table.dotted("adopt"),
                        "\"\(name)\" cannot be adopted from \(kind.rawValue); allowed: \(names.joined(separator: ", "))"
                            + Spelling.hint(name, among: names))
                    continue
                }
                policy.fields.insert(field)
            }
        }
        if let conflict = table.word("conflict", as: AdoptionPolicy.Conflict.self) { policy.conflict = conflict }
        if let reopening = table.word("reopen", as: AdoptionPolicy.Reopening.self) { policy.reopening = reopening }
        return policy
    }

    /// Title and tags only where the remote has them.
    private static func adoptableFields(of kind: RemoteKind) -> [AdoptionPolicy.Field] {
        switch kind {
        case .helpdesk, .vg: [.status, .title, .tags]
        case .fin, .voicebot: [.status]
        }
    }

    func poll(_ kind: RemoteKind, _ table: inout TableReader) -> PollSettings? {
        guard table.has("poll") else {
            _ = table.value("poll")
            return nil
        }
        var poll = table.table("poll")
        guard kind.isReadable else {
            table.problems.add(poll.path, "has no meaning for a remote of kind \(kind.rawValue): nothing can be read there")
            return nil
        }
        let interval = poll.span("interval", atLeast: .seconds(1))
        if interval == nil, !poll.has("interval") { table.problems.add(poll.dotted("interval"), "is missing: how often, such as \"30s\"") }
        var settings = PollSettings(interval: interval ?? .seconds(30))
        if let pages = poll.integer("pages", in: 1...100) { settings.pages = pages }
        if let rotate = poll.integer("rotate", in: 0...1000) { settings.rotate = rotate }
        poll.finish()
        return settings
    }

    // MARK: What words mean

    func inboundMap(_ kind: RemoteKind, _ table: TableReader) -> InboundMap {
        var table = table
        var map = InboundMap.standard(for: kind)
        for word in table.keys {
            guard !word.isEmpty else { continue }
            guard let value = table.value(word) else { continue }
            if let text = value.stringValue {
                switch text {
                case "none": map.cells[word] = .noStatement
                case "ends_ai": map.cells[word] = .endsAI
                default:
                    table.problems.add(
                        table.dotted(word),
                        "\"\(text)\" is not a meaning; write { status = \"open\", owner = \"human\" }, \"ends_ai\" or \"none\""
                            + Spelling.hint(text, among: ["ends_ai", "none"]))
                }
            } else {
                readCell(word, table.table(word), into: &map)
            }
        }
        return map
    }

    private func readCell(_ word: String, _ cell: TableReader, into map: inout InboundMap) {
        var cell = cell
        let status = cell.word("status", as: LocalStatus.self)
        if status == nil, !cell.has("status") { cell.problems.add(cell.dotted("status"), "is missing: open, resolved, closed or ended") }
        let owner = cell.word("owner", as: InboundMap.OwnerImage.self) ?? .unchanged
        if cell.has("silent_after") {
            _ = cell.value("silent_after")
            cell.problems.add(
                cell.dotted("silent_after"),
                "no longer exists: delete the line; what `complete` of fin did with it, its default complete = \"ends_ai\" does")
        }
        cell.finish()
        if let status { map.cells[word] = .state(status, owner) }
    }
}
