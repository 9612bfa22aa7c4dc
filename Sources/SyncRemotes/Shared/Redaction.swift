import SyncCore

/// Removes from a text what must not appear in logs, errors or status output: the credential, and personal values from the call.
///
/// A remote may repeat in an error what it was sent: whole, cut off, in other letters or encoded. Errors have to stay readable, so a secret
/// is only removed as a whole, never as a part of a longer word:
///
/// | what                                       | is removed                                                                  |
/// |--------------------------------------------|-----------------------------------------------------------------------------|
/// | the credential                             | wherever it occurs; a short one (fewer than eight characters) as a whole word |
/// | a text of the call                         | as a whole, unless it begins or ends within a word                          |
/// | both, in base64 or percent-encoded         | wherever it occurs (``EncodedForms``)                                       |
/// | several words in a row of such a text      | from three words and twelve letters on (``QuotedPhrases``)                  |
/// | a number, an id, a part of the credential  | from eight characters on, where it is part of a secret                      |
/// | a word of a name or an e-mail address      | from four letters on                                                        |
/// | the value of `accessToken`                 | always (``AccessTokens``)                                                   |
/// | what looks like an address or a telephone number | always: a remote may know people that the call did not name           |
///
/// A single word of a title or a message is kept, as it may be an ordinary word.
///
/// The work is bounded, as it is done on the event loop: of a text of the call the beginning counts (``longestSecret``), of the
/// content of a file only what recognises it, and of a text of the remote no more is read than may be shown (``Redaction+Beginning``).
package struct Redaction: Sendable {
    /// Longest first, so that a text that contains another one is removed as a whole.
    private let secrets: [String]
    private let credential: String?
    private let encoded: EncodedForms
    private let phrases: QuotedPhrases
    /// The single words of people's names, in lower case.
    private let nameWords: Set<String>

    /// Members whose values are not personal and are needed to understand an error.
    private static let harmless: Set<String> = [
        "status", "state", "conversation_id", "assignee_id", "user_type", "author", "timestamp", "type", "content_type",
        "last_user_read_at",
    ]

    /// - Parameters:
    ///   - credential: the remote's token.
    ///   - body: the call's body; every string in it counts as personal, except the values of a few technical members.
    package init(credential: String?, body: JSONValue) {
        var found = Found()
        Redaction.collect(body, isName: false, into: &found)
        let credential = credential.flatMap { $0.isEmpty ? nil : $0 }
        self.credential = credential
        // An ordinary word that happens to be somebody's value is not removed: it occurs in every error.
        let texts = found.texts.filter { $0.count > 2 && !Redaction.technicalWords.contains($0.lowercased()) }
        secrets = texts.sorted { ($0.count, $0) > ($1.count, $1) }
        encoded = EncodedForms(of: texts, credential: credential, files: found.files)
        phrases = QuotedPhrases(in: texts)
        // A name may have two letters, but only as a whole; within longer names such short words do not count.
        nameWords = Set(found.names.flatMap(Redaction.nameWords).map { $0.lowercased() }).subtracting(Redaction.technicalWords)
    }

    package func apply(to text: String) -> String {
        var text = text
        if let credential { text = Redaction.removing(credential, from: text, isCredential: true) }
        text = AccessTokens.removed(from: text, mark: Redaction.mark)
        text = encoded.removed(from: text, mark: Redaction.mark)
        for secret in secrets { text = Redaction.removing(secret, from: text) }
        text = phrases.removed(from: text, mark: Redaction.mark)
        return Redaction.pieces(of: text).map { isPersonal($0) ? Redaction.mark : String($0) }.joined()
    }

    /// Removes the beginning of a text of the call at the end of a text that was cut: the rest of it is not there, so that it is not found
    /// as a whole.
    func removingCut(from text: String) -> String {
        for secret in secrets where secret.utf8.count > Redaction.shortestQuotation {
            let start = String(secret.prefix(Redaction.shortestQuotation))
            for found in text.ranges(of: start) where secret.hasPrefix(text[found.lowerBound...]) {
                return String(text[..<found.lowerBound]) + Redaction.mark
            }
        }
        return text
    }

    /// A number of the call, or one that is long enough to be an id or a telephone number.
    func isPersonalNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .integer(let number): number.magnitude >= 1_000_000 || secrets.contains(String(number))
        case .number(let number): Redaction.digits(in: number.text) >= 7 || secrets.contains(number.text)
        default: false
        }
    }

    static let mark = "[redacted]"

    /// Words that error texts consist of, even if a name or a title contains them too.
    static let technicalWords: Set<String> = [
        "user", "users", "message", "messages", "status", "state", "conversation", "attribute", "attributes", "timestamp", "email",
        "name", "title", "tags", "body", "author", "type", "open", "resolved", "closed", "ended", "error", "invalid", "unknown",
        "required", "field", "must", "with", "this", "that", "http", "bearer", "token", "true", "false", "null",
    ]

    /// Shorter credentials may occur in a text as ordinary words.
    private static let shortestCredential = 8
    /// Shorter words identify nobody and occur in every error text.
    private static let shortestNameWord = 4
    /// A run of letters, digits and dashes of this length that occurs in a secret is a quotation from it.
    private static let shortestQuotation = 8
    /// Of a longer text of the call the first ones count, in Unicode scalars. Nobody writes longer ones by hand.
    private static let longestSecret = 16_384
    /// The content of a file, in bytes: a longer one is recognised by its beginning, of ``fileHead`` characters, and is never searched as a
    /// whole.
    private static let longestContent = 1024
    private static let fileHead = 64
}

extension Redaction {
    /// An occurrence that begins or ends within a longer word stays. A credential is removed there too, unless it is short.
    private static func removing(_ secret: String, from text: String, isCredential: Bool = false) -> String {
        if isCredential, secret.count >= shortestCredential {
            // By characters, also in another normalization; by scalars, also with a combining mark after it.
            return text.replacing(secret, with: mark).replacingScalars(of: secret, with: mark)
        }
        // In another normalization, a text is at most three times as long.
        guard secret.utf8.count <= 4 * text.utf8.count, text.contains(secret) else { return text }
        let isOrdinary = isCredential && technicalWords.contains(secret.lowercased())
        var result = ""
        var rest = text[...]
        while let found = rest.firstRange(of: secret) {
            let before = rest[..<found.lowerBound].last ?? result.last
            let after = rest[found.upperBound...].first
            let standsAlone = !(joins(before, secret.first) || joins(secret.last, after))
            let isNamed = rest[..<found.lowerBound].lowercased().hasSuffix("bearer ")
            let goes = standsAlone && (!isOrdinary || isNamed)
            result += rest[..<found.lowerBound] + (goes ? mark : secret)
            rest = rest[found.upperBound...]
        }
        return result + rest
    }

    private static func joins(_ left: Character?, _ right: Character?) -> Bool {
        guard let left, let right else { return false }
        // Scripts without spaces have no boundaries between words.
        return isWord(left) && isWord(right) && left.isASCII && right.isASCII
    }

    private static func isWord(_ character: Character) -> Bool { character.isLetter || character.isNumber }

    private func isPersonal(_ piece: Substring) -> Bool {
        if piece == Redaction.mark { return false }
        if piece.contains("@") { return true }
        if Redaction.digits(in: piece) >= 7, piece.allSatisfy({ !$0.isLetter }) { return true }
        if isQuotation(piece) { return true }
        let lowercased = piece.lowercased()
        return nameWords.contains(lowercased) || Redaction.words(in: lowercased).contains { nameWords.contains(String($0)) }
    }

    /// A number, an id or a part of the credential that was cut off.
    private func isQuotation(_ piece: Substring) -> Bool {
        let isEdge: (Character) -> Bool = { "._+-[]".contains($0) }
        let quoted = String(piece.drop(while: isEdge).reversed().drop(while: isEdge).reversed())
        guard quoted.count >= Redaction.shortestQuotation, !Redaction.technicalWords.contains(quoted.lowercased()) else { return false }
        if credential?.contains(quoted) == true { return true }
        return quoted.contains { !$0.isLetter } && secrets.contains { $0.contains(quoted) }
    }

    private static func digits(in text: some StringProtocol) -> Int { text.utf8.count { (0x30...0x39).contains($0) } }

    static func words(in text: some StringProtocol) -> [Substring] {
        Substring(text).split { !$0.isLetter && !$0.isNumber }
    }

    private static func nameWords(_ name: String) -> [String] {
        name.count < 3 ? [name] : words(in: name).filter { $0.count >= shortestNameWord }.map(String.init)
    }

    /// Splits the text into words and separators; e-mail addresses and telephone numbers stay in one piece.
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
}

extension Redaction {
    private struct Found {
        var texts: Set<String> = []
        /// Names and e-mail addresses of people.
        var names: Set<String> = []
        /// The beginnings of files in base64.
        var files: Set<String> = []
    }

    private static let attachments = "attachments"
    private static let content = "data"

    private static func collect(_ value: JSONValue, isName: Bool, into found: inout Found) {
        switch value {
        case .string(let text) where text.utf8.count >= 2:
            let secret = beginning(of: text, longestSecret)
            guard secret.count >= 2 else { return }
            found.texts.insert(secret)
            if isName { found.names.insert(secret) }
        case .integer(let number) where number.magnitude >= 1000: found.texts.insert(String(number))
        case .number(let number) where digits(in: number.text) >= 4: found.texts.insert(number.text)
        case .array(let values): for value in values { collect(value, isName: isName, into: &found) }
        case .object(let members):
            for (name, member) in members where !harmless.contains(name) {
                if name == attachments, let files = member.arrayValue {
                    for file in files { collect(file: file, into: &found) }
                    continue
                }
                let lowercased = name.lowercased()
                collect(member, isName: isName || lowercased.contains("name") || lowercased.contains("mail"), into: &found)
            }
        default: break
        }
    }

    private static func collect(file: JSONValue, into found: inout Found) {
        guard let members = file.objectValue, let data = members[content]?.stringValue, data.utf8.count > longestContent else {
            collect(file, isName: false, into: &found)
            return
        }
        found.files.insert(beginning(of: data, fileHead))
        collect(.object(members.filter { $0.key != Redaction.content }), isName: false, into: &found)
    }

    /// At most this many Unicode scalars.
    private static func beginning(of text: String, _ limit: Int) -> String {
        text.utf8.count <= limit ? text : String(String.UnicodeScalarView(text.unicodeScalars.prefix(limit)))
    }
}
