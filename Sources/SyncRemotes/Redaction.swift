import SyncCore

/// Strings that must not appear in logs, errors or status output: the credential, and what a call says about people.
///
/// A remote may repeat in an error what it was sent; this takes it out again.
package struct Redaction: Sendable {
    private let secrets: [String]

    /// Members whose values say nothing about anybody and are needed to understand an error.
    private static let harmless: Set<String> = [
        "status", "state", "conversation_id", "assignee_id", "user_type", "author", "timestamp", "type", "content_type",
        "last_user_read_at",
    ]

    /// - Parameters:
    ///   - credential: the remote's token.
    ///   - body: the call's body; every string in it counts as personal, except the values of a few technical members.
    package init(credential: String?, body: JSONValue) {
        var found: Set<String> = []
        Redaction.collect(body, into: &found)
        if let credential, !credential.isEmpty { found.insert(credential) }
        // Longest first, so that a string which contains another one goes as a whole.
        secrets = found.sorted { $0.count > $1.count }
    }

    package func apply(to text: String) -> String {
        secrets.reduce(text) { $0.contains($1) ? $0.replacing($1, with: "[redacted]") : $0 }
    }

    private static func collect(_ value: JSONValue, into found: inout Set<String>) {
        switch value {
        case .string(let text) where text.count >= 3: found.insert(text)
        case .array(let values): values.forEach { collect($0, into: &found) }
        case .object(let members):
            for (name, member) in members where !harmless.contains(name) { collect(member, into: &found) }
        default: break
        }
    }
}
