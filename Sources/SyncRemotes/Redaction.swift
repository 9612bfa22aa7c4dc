import SyncCore

/// Strings that must not appear in logs, errors or status output: the credential, and what a call says about people.
///
/// A remote may repeat in an error what it was sent, whole, in part or in other letters; this takes it out again. What looks like an
/// e-mail address or a telephone number goes in any case: a remote may know people that the call did not name.
package struct Redaction: Sendable {
    private let secrets: [String]
    /// The single words of the secrets, in lower case.
    private let words: Set<String>

    /// Members whose values say nothing about anybody and are needed to understand an error.
    private static let harmless: Set<String> = [
        "status", "state", "conversation_id", "assignee_id", "user_type", "author", "timestamp", "type", "content_type",
        "last_user_read_at",
    ]

    /// - Parameters:
    ///   - credential: the remote's token.
    ///   - body: the call's body; every string in it counts as personal, except the values of a few technical members.
    package init(credential: String?, body: JSONValue) {
        var strings: Set<String> = []
        Redaction.collect(body, into: &strings)
        // Two letters may be a name; inside of longer words they are not.
        let short = strings.filter { $0.count < 3 }
        var found = strings.subtracting(short)
        if let credential, !credential.isEmpty { found.insert(credential) }
        // Longest first, so that a string which contains another one goes as a whole.
        secrets = found.sorted { $0.count > $1.count }
        // Ids are taken out whole: "user_123456" must not make every "user" vanish.
        words = Set(found.filter { !$0.contains("_") || $0.contains(" ") }.flatMap(Redaction.words).map { $0.lowercased() }).union(
            short.map { $0.lowercased() }
        )
        .subtracting(Redaction.technicalWords)
    }

    package func apply(to text: String) -> String {
        let withoutSecrets = secrets.reduce(text) { $0.contains($1) ? $0.replacing($1, with: Redaction.mark) : $0 }
        return Redaction.pieces(of: withoutSecrets).map { isPersonal($0) ? Redaction.mark : String($0) }.joined()
    }

    /// The same for every string inside of a JSON value; long arrays are cut, an excerpt shows their beginning only.
    func apply(to value: JSONValue) -> JSONValue {
        switch value {
        case .string(let text): .string(apply(to: String(text.prefix(1000))))
        case .array(let values): .array(values.prefix(20).map { apply(to: $0) })
        case .object(let members): .object(members.mapValues { apply(to: $0) })
        case .integer(let number) where secrets.contains(String(number)) || number.magnitude >= 1_000_000: .string(Redaction.mark)
        case .number(let number) where secrets.contains(number.text) || Redaction.digits(in: number.text) >= 7: .string(Redaction.mark)
        default: value
        }
    }

    private static let mark = "[redacted]"

    /// What error texts are made of, even where a title or message says it, too.
    private static let technicalWords: Set<String> = [
        "user", "users", "message", "messages", "status", "state", "conversation", "attribute", "attributes", "timestamp", "email",
        "name", "title", "tags", "body", "author", "type", "open", "resolved", "closed", "ended", "error", "invalid", "unknown",
        "required", "field", "must", "with", "this", "that", "http",
    ]

    /// Words shorter than this say little and are part of every error text.
    private static let shortestWord = 4
    /// A run of letters, digits and dashes of this length that stands in a call is a quotation from it.
    private static let shortestQuotation = 8

    private func isPersonal(_ piece: Substring) -> Bool {
        if piece.contains("@") { return true }
        if Redaction.digits(in: piece) >= 7, piece.allSatisfy({ !$0.isLetter }) { return true }
        // A quotation that was cut off.
        let quoted = piece.drop { "._+-[]".contains($0) }.reversed().drop { "._+-[]".contains($0) }.reversed()
        if quoted.count >= Redaction.shortestQuotation, !Redaction.technicalWords.contains(String(quoted).lowercased()),
            secrets.contains(where: { $0.contains(String(quoted)) })
        {
            return true
        }
        return words.contains(piece.lowercased()) || Redaction.words(in: String(piece)).contains { words.contains($0.lowercased()) }
    }

    private static func digits(in text: some StringProtocol) -> Int { text.utf8.count { (0x30...0x39).contains($0) } }

    private static func words(in text: String) -> [Substring] {
        text.split { !$0.isLetter && !$0.isNumber }.filter { $0.count >= shortestWord }
    }

    /// The text cut between words and what separates them; e-mail addresses and telephone numbers stay in one piece.
    private static func pieces(of text: String) -> [Substring] {
        var pieces: [Substring] = []
        var rest = text[...]
        while let first = rest.first {
            let isWord = belongsToWord(first)
            let piece = rest.prefix { belongsToWord($0) == isWord }
            pieces.append(piece)
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }

    private static func belongsToWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "@._+-[]".contains(character)
    }

    private static func collect(_ value: JSONValue, into found: inout Set<String>) {
        switch value {
        case .string(let text) where text.count >= 2: found.insert(text)
        case .integer(let number) where number.magnitude >= 1000: found.insert(String(number))
        case .number(let number) where digits(in: number.text) >= 4: found.insert(number.text)
        case .array(let values): values.forEach { collect($0, into: &found) }
        case .object(let members):
            for (name, member) in members where !harmless.contains(name) { collect(member, into: &found) }
        default: break
        }
    }
}
