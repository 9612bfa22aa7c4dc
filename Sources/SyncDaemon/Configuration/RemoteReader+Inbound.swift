import SyncCore

/// The part of a remote's table about what is adopted from it: what its status values mean, which fields are adopted, and when it is read.
extension RemoteReader {
    func adoption(_ kind: Kind, _ table: inout TableReader) -> AdoptionPolicy {
        var policy = AdoptionPolicy()
        if let names = table.strings("adopt") {
            policy.fields = []
            for name in names {
                let allowed = kind.adoptable
                guard let field = AdoptionPolicy.Field(rawValue: name), allowed.contains(field) else {
                    let names = allowed.map(\.rawValue)
                    table.problems.add(
                        table.dotted("adopt"),
                        "\"\(name)\" cannot be adopted from \(kind.name); allowed: \(names.joined(separator: ", "))"
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

    func poll(_ kind: Kind, _ table: inout TableReader) -> PollSettings? {
        guard table.has("poll") else {
            _ = table.value("poll")
            return nil
        }
        var poll = table.table("poll")
        guard kind.isReadable else {
            table.problems.add(poll.path, "has no meaning for a remote of kind \(kind.name): nothing can be read there")
            return nil
        }
        let interval = poll.span(RemoteKeys.pollInterval)
        if interval == nil, !poll.has("interval") { table.problems.add(poll.dotted("interval"), "is missing: how often, such as \"30s\"") }
        var settings = PollSettings(interval: interval ?? .seconds(30))
        if let pages = poll.integer(RemoteKeys.pollPages) { settings.pages = pages }
        if let rotate = poll.integer(RemoteKeys.pollRotation) { settings.rotate = rotate }
        poll.finish()
        return settings
    }

    // MARK: What status values mean

    func inboundMap(_ kind: Kind, _ table: TableReader) -> InboundMap {
        var table = table
        var map = kind.vocabulary.inbound
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
                        "\(TableReader.shown(.string(text))) is not a meaning; write { status = \"open\", owner = \"human\" }, \"ends_ai\" or \"none\""
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
        for (key, advice) in kinds.flatMap(\.vocabulary.formerCellKeys) where cell.has(key) {
            _ = cell.value(key)
            cell.problems.add(cell.dotted(key), advice)
        }
        cell.finish()
        if let status { map.cells[word] = .state(status, owner) }
    }
}
