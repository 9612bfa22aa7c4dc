import SyncCore

/// What is shown of a remote's text is short, and the text may have megabytes: no more of it is read than may be shown.
extension Redaction {
    /// How much of a text is read, in Unicode scalars: several times what is shown, as redaction makes a text shorter.
    private static let longestText = 2000
    /// An excerpt ends when about this many Unicode scalars of texts have been produced.
    private static let longestExcerpt = 1000
    /// Entries of an array and members of an object that an excerpt shows.
    private static let longestList = 20

    /// The same as ``apply(to:)`` for the beginning of a text.
    ///
    /// What is cut off could be the rest of a secret, and a half is not recognised as the whole is. So the text ends at a space, which
    /// nothing encoded has in it, and the beginning of a text of the call at its end is removed.
    func apply(toBeginningOf text: String) -> String {
        let head = text.unicodeScalars.prefix(Redaction.longestText)
        guard head.endIndex < text.unicodeScalars.endIndex else { return apply(to: text) }
        let words = head.lastIndex { $0.properties.isWhitespace }.map { head[..<$0] } ?? head.prefix(0)
        return apply(to: removingCut(from: String(String.UnicodeScalarView(words)))) + "…"
    }

    /// The beginning of a JSON value with every string redacted, names of members included: a remote may use a person's address as one.
    func excerpt(of value: JSONValue) -> JSONValue {
        var room = Redaction.longestExcerpt
        return excerpt(of: value, &room)
    }

    private func excerpt(of value: JSONValue, _ room: inout Int) -> JSONValue {
        room -= 1
        switch value {
        case .string(let text): return .string(shown(text, &room))
        case .array(let values):
            var entries: [JSONValue] = []
            for entry in values.prefix(Redaction.longestList) where room > 0 { entries.append(excerpt(of: entry, &room)) }
            return .array(entries)
        case .object(let members):
            var shownMembers = JSONObject()
            for member in members.firstMembers(Redaction.longestList) where room > 0 {
                let name = shown(member.key, &room)
                shownMembers[name] = excerpt(of: member.value, &room)
            }
            return .object(shownMembers)
        case .integer, .number: return isPersonalNumber(value) ? .string(Redaction.mark) : value
        case .null, .bool: return value
        }
    }

    /// Also what is read counts, although less: a text that becomes a single mark took work.
    private func shown(_ text: String, _ room: inout Int) -> String {
        let shown = apply(toBeginningOf: text)
        let read = min(text.utf8.count, Redaction.longestText)
        room -= max(shown.unicodeScalars.count, read / 20)
        return shown
    }
}
