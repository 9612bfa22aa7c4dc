import SyncCore
import SyncRemotes

/// The part of a remote's table about what is sent: status values, fields, paths.
extension RemoteReader {
    func profile(name: String, kind: Kind, _ own: OwnValues, _ table: inout TableReader) -> Profile {
        let (statusMap, inboundMap) = statusMaps(kind, &table)
        return Profile(
            name: name, kind: kind, statusMap: statusMap, inboundMap: inboundMap, adoption: adoption(kind, &table),
            paths: paths(kind, table.table("paths")), own: own, aiAssignees: Set(assignees.ai), aiAssignee: assignees.ai.first,
            unknownAssignee: assignees.unknown)
    }

    private func statusMaps(_ kind: Kind, _ table: inout TableReader) -> (StatusMap, InboundMap) {
        var map = kind.vocabulary.outbound
        guard table.has("status") else {
            _ = table.value("status")
            return (map, kind.vocabulary.inbound)
        }
        var status = table.table("status")
        var overrides: [StatusOverride] = []
        for local in LocalStatus.allCases {
            guard let value = status.value(local.rawValue) else { continue }
            guard !kind.vocabulary.writable.isEmpty else {
                table.problems.add(
                    status.dotted(local.rawValue), "has no meaning for a remote of kind \(kind.name): no status can be written there")
                continue
            }
            if value.stringValue != nil {
                overrides += word(kind, &status, local.rawValue).map { [StatusOverride(status: local, owner: nil, word: $0)] } ?? []
            } else {
                var owners = status.table(local.rawValue)
                for owner in Owner.allCases {
                    if let word = word(kind, &owners, owner.rawValue) {
                        overrides.append(StatusOverride(status: local, owner: owner, word: word))
                    }
                }
                owners.finish()
            }
        }
        map = map.overridden(by: overrides)
        readNeverOver(kind, status.table("never_over"), into: &map)
        let inbound = inboundMap(kind, status.table("inbound"))
        status.finish()
        return (map, inbound)
    }

    private func readNeverOver(_ kind: Kind, _ table: TableReader, into map: inout StatusMap) {
        var table = table
        for key in table.keys {
            check(key, kind, at: table.dotted(key), table)
            guard let words = table.strings(key) else { continue }
            for word in words { check(word, kind, at: table.dotted(key), table) }
            map.neverOver[key] = words.isEmpty ? nil : Set(words)
        }
    }

    private func word(_ kind: Kind, _ table: inout TableReader, _ key: String) -> String? {
        guard let word = table.string(key) else { return nil }
        if word != "none" { check(word, kind, at: table.dotted(key), table) }
        return word
    }

    private func check(_ word: String, _ kind: Kind, at path: String, _ table: TableReader) {
        let allowed = kind.vocabulary.writable
        guard !allowed.contains(word) else { return }
        table.problems.add(
            path,
            "\"\(word)\" is not a status of \(kind.name); allowed: \(allowed.joined(separator: ", ")), none\(Spelling.hint(word, among: allowed))"
        )
    }

    private func paths(_ kind: Kind, _ table: TableReader) -> [String: String] {
        var table = table
        var paths: [String: String] = [:]
        for operation in kind.operations {
            guard let path = table.string(operation.name) else { continue }
            let needed = RemoteReader.placeholders(in: operation.path)
            if !path.hasPrefix("/") || path.contains(where: { "?#".contains($0) }) {
                table.problems.add(table.dotted(operation.name), "has to begin with a slash and must not have a query or fragment")
            } else if let missing = needed.first(where: { path.firstRange(of: $0) == nil }) {
                table.problems.add(table.dotted(operation.name), "lacks \(missing); the path is \"\(operation.path)\" by default")
            } else {
                paths[operation.name] = path
            }
        }
        table.finish()
        return paths
    }

    private static func placeholders(in path: String) -> [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map(String.init)
    }
}
