import SyncCore
import SyncRemotes

/// The part of a remote's table that shapes what is sent: words, fields, paths.
extension RemoteReader {
    func profile(name: String, kind: RemoteKind, _ table: inout TableReader) -> RemoteProfile {
        let (statusMap, inboundMap) = statusMaps(kind, &table)
        return RemoteProfile(
            name: name, kind: kind, statusMap: statusMap, inboundMap: inboundMap, adoption: adoption(kind, &table),
            fieldMap: fieldMap(kind, &table),
            agentID: only(.vg, kind, "agent_id", &table) { $0.string("agent_id") },
            apiVersion: only(.fin, kind, "api_version", &table) { $0.string("api_version") }, paths: paths(kind, table.table("paths")),
            userAttributes: only(.fin, kind, "user_attributes", &table) { $0.strings("user_attributes") },
            aiAssignees: Set(assignees.ai), aiAssignee: assignees.ai.first, unknownAssignee: assignees.unknown)
    }

    /// A key that one kind has and the others do not.
    func only<Value>(
        _ owner: RemoteKind, _ kind: RemoteKind, _ key: String, _ table: inout TableReader, _ read: (inout TableReader) -> Value?
    ) -> Value? {
        guard table.has(key) else {
            _ = table.value(key)
            return nil
        }
        let value = read(&table)
        guard kind == owner else {
            table.problems.add(table.dotted(key), "has no meaning for a remote of kind \(kind.rawValue); only \(owner.rawValue) has it")
            return nil
        }
        return value
    }

    private func statusMaps(_ kind: RemoteKind, _ table: inout TableReader) -> (StatusMap, InboundMap) {
        var map = StatusMap.standard(for: kind)
        guard table.has("status") else {
            _ = table.value("status")
            return (map, .standard(for: kind))
        }
        var status = table.table("status")
        var overrides: [StatusOverride] = []
        for local in LocalStatus.allCases {
            guard let value = status.value(local.rawValue) else { continue }
            guard kind != .fin else {
                table.problems.add(status.dotted(local.rawValue), "has no meaning for a remote of kind fin: no status can be written there")
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

    private func readNeverOver(_ kind: RemoteKind, _ table: TableReader, into map: inout StatusMap) {
        var table = table
        for key in table.keys {
            check(key, kind, at: table.dotted(key), table)
            guard let words = table.strings(key) else { continue }
            for word in words { check(word, kind, at: table.dotted(key), table) }
            map.neverOver[key] = words.isEmpty ? nil : Set(words)
        }
    }

    private func word(_ kind: RemoteKind, _ table: inout TableReader, _ key: String) -> String? {
        guard let word = table.string(key) else { return nil }
        if word != "none" { check(word, kind, at: table.dotted(key), table) }
        return word
    }

    private func check(_ word: String, _ kind: RemoteKind, at path: String, _ table: TableReader) {
        let allowed = StatusMap.documentedWords(for: kind)
        guard !allowed.contains(word) else { return }
        table.problems.add(
            path,
            "\"\(word)\" is not a status of \(kind.rawValue); allowed: \(allowed.joined(separator: ", ")), none\(Spelling.hint(word, among: allowed))"
        )
    }

    private func fieldMap(_ kind: RemoteKind, _ table: inout TableReader) -> [String: LocalSource]? {
        guard table.has("fields") else {
            _ = table.value("fields")
            return nil
        }
        var fields = table.table("fields")
        guard kind == .vg else {
            table.problems.add(fields.path, "has no meaning for a remote of kind \(kind.rawValue): its fields are fixed by its document")
            return nil
        }
        var map = VGFields.standardMap
        for field in fields.keys {
            guard let text = fields.string(field) else { continue }
            let path = fields.dotted(field)
            if field == "state" {
                fields.problems.add(path, "the state comes from the status map; see \(table.dotted("status"))")
            } else if VGFields.documented[field] == nil {
                let known = VGFields.documented.keys.sorted()
                fields.problems.add(path, "vg's document knows no such field\(Spelling.hint(field, among: known))")
            } else if text == "none" {
                map[field] = nil
            } else if let source = LocalSource(text) {
                map[field] = source
            } else {
                fields.problems.add(path, "\"\(text)\" is not a local value; allowed: \(LocalSource.notation), none")
            }
        }
        return map
    }

    private func paths(_ kind: RemoteKind, _ table: TableReader) -> [String: String] {
        var table = table
        var paths: [String: String] = [:]
        for (operation, standard) in RemoteProfile.standardPaths(for: kind) {
            guard let path = table.string(operation) else { continue }
            let needed = RemoteReader.placeholders(in: standard)
            if !path.hasPrefix("/") || path.contains(where: { "?#".contains($0) }) {
                table.problems.add(table.dotted(operation), "has to begin with a slash and must not have a query or fragment")
            } else if let missing = needed.first(where: { path.firstRange(of: $0) == nil }) {
                table.problems.add(table.dotted(operation), "lacks \(missing); the path is \"\(standard)\" by default")
            } else {
                paths[operation] = path
            }
        }
        table.finish()
        return paths
    }

    private static func placeholders(in path: String) -> [String] {
        path.split(separator: "/").filter { $0.hasPrefix("{") }.map(String.init)
    }
}
