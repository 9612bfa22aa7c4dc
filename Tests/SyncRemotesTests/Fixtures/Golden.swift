import Foundation
import SyncCore
import SyncRemotes
import Testing

/// The golden files: `Golden/KIND/requests/NAME.json`, `Golden/KIND/responses/NAME.json` and `Golden/KIND/reading/NAME.json`, one
/// case each.
///
/// An unknown member is an error: a misspelt one would make its case check less than intended.
enum Golden {
    enum Part: String {
        case requests, responses, reading
    }

    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    private static func folder(_ kind: Kind, _ part: Part) -> URL {
        Bundle.module.bundleURL.appending(path: "Golden/\(kind.name)/\(part.rawValue)")
    }

    /// The names of the cases; empty where the folder is missing, which has a test of its own.
    static func names(_ kind: Kind, _ part: Part) -> [String] {
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder(kind, part).path)) ?? []
        return entries.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.sorted()
    }

    static func object(_ kind: Kind, _ part: Part, _ name: String, members: Set<String>) throws -> JSONObject {
        let data = try Data(contentsOf: folder(kind, part).appending(path: "\(name).json"))
        guard let object = try JSONValue(text: String(decoding: data, as: UTF8.self)).objectValue else {
            throw Broken(description: "\(name) is not a JSON object")
        }
        try check(object, "\(name)", members)
        return object
    }

    static func check(_ object: JSONObject, _ place: String, _ members: Set<String>) throws {
        let unknown = Set(object.keys).subtracting(members)
        if !unknown.isEmpty { throw Broken(description: "\(place) has unknown members: \(unknown.sorted())") }
    }

    static func strings(_ value: JSONValue?) -> [String] {
        (value?.arrayValue ?? []).compactMap(\.stringValue)
    }

    /// `known_issue` in a file marks a case that fails at present; the test fails as soon as the case passes.
    static func withPossibleIssue(_ object: JSONObject, _ body: () throws -> Void) throws {
        if let issue = object["known_issue"]?.stringValue {
            withKnownIssue(Comment(rawValue: issue)) { try body() }
        } else {
            try body()
        }
    }
}

// MARK: Values of the files

extension Profile {
    /// Reads `profile` with the names of the configuration file.
    init(golden value: JSONValue?, kind: Kind) throws {
        let object = value?.objectValue ?? [:]
        try Golden.check(
            object, "profile", ["name", "ai", "agent_id", "api_version", "user_attributes", "paths", "status", "never_over", "fields"])
        self.init(
            name: object["name"]?.stringValue ?? kind.name, kind: kind,
            paths: (object["paths"]?.objectValue ?? [:]).reduce(into: [:]) { $0[$1.key] = $1.value.stringValue },
            aiAssignees: Set(object["ai"].map { Golden.strings($0) } ?? ["agent_fin"]))
        own["agent_id"] = object["agent_id"]?.stringValue.map(ConfigurationValue.text)
        own["api_version"] = object["api_version"]?.stringValue.map(ConfigurationValue.text)
        own["user_attributes"] = object["user_attributes"].map { .texts(Golden.strings($0)) }
        var overrides: [StatusOverride] = []
        for (cell, word) in object["status"]?.objectValue ?? [:] {
            let parts = cell.split(separator: ".").map(String.init)
            guard let status = parts.first.flatMap(LocalStatus.init(rawValue:)), let word = word.stringValue else {
                throw Golden.Broken(description: "profile.status.\(cell)")
            }
            overrides.append(StatusOverride(status: status, owner: parts.count > 1 ? Owner(rawValue: parts[1]) : nil, word: word))
        }
        statusMap = statusMap.overridden(by: overrides)
        if let guards = object["never_over"]?.objectValue {
            statusMap.neverOver = guards.reduce(into: [:]) { $0[$1.key] = Set(Golden.strings($1.value)) }
        }
        for (field, text) in object["fields"]?.objectValue ?? [:] {
            guard let text = text.stringValue, text == "none" || LocalSource(text) != nil else {
                throw Golden.Broken(description: "profile.fields.\(field)")
            }
            map(field, to: text)
        }
    }
}

extension Conversation {
    /// Reads `conversation` with the names of the columns; a member that is missing has the column's default.
    init(golden value: JSONValue?) throws {
        let object = value?.objectValue ?? [:]
        try Golden.check(
            object, "conversation",
            [
                "id", "title", "tags", "attributes", "status", "assignee_id", "last_user_read_at", "user", "created_at", "updated_at",
            ])
        guard let status = LocalStatus(rawValue: object["status"]?.stringValue ?? "open") else {
            throw Golden.Broken(description: "conversation.status")
        }
        self.init(
            id: object["id"]?.stringValue ?? "conv_456", title: object["title"]?.stringValue,
            tags: object["tags"].map { $0.arrayValue?.compactMap(\.stringValue) } ?? [],
            attributes: object["attributes"].map(\.objectValue) ?? [:], status: status, assigneeID: object["assignee_id"]?.stringValue,
            lastUserReadAt: object["last_user_read_at"]?.stringValue, user: try User(golden: object["user"]))
        if let createdAt = object["created_at"]?.stringValue { self.createdAt = createdAt }
        if let updatedAt = object["updated_at"]?.stringValue { self.updatedAt = updatedAt }
    }
}

extension User {
    init?(golden value: JSONValue?) throws {
        guard let object = value?.objectValue else { return nil }
        try Golden.check(object, "user", ["id", "name", "email", "photo_url", "user_type", "attributes"])
        self.init(
            id: object["id"]?.stringValue ?? "", name: object["name"]?.stringValue, email: object["email"]?.stringValue,
            photoURL: object["photo_url"]?.stringValue, userType: object["user_type"].map(\.stringValue) ?? "end_user",
            attributes: object["attributes"].map(\.objectValue) ?? [:])
    }
}
