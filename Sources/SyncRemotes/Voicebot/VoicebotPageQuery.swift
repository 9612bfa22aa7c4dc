/// The query of a next link of voicebot's list, checked.
///
/// The list is paged as in Laravel (docs/remotes/voicebot.md): `links.next` is a whole URL. Only its query is used, on our own path, so
/// that no response can send the token to another host. Only plain queries are accepted: members with a name of letters, digits, `_` and
/// `-`, each once, values of unreserved characters and percent-encoded ones (RFC 3986 sections 2.1 and 2.3).
///
/// One member has to name the next page: `page`, or `cursor` if Laravel does not number the pages.
struct VoicebotPageQuery: Equatable {
    /// In bytes.
    static let longestLink = 4096
    /// In bytes.
    static let longestQuery = 512
    /// The last page that is read.
    static let lastPage: Int64 = 1_000_000

    let text: String
    /// The number of the page; nil if the query contains a cursor.
    let page: Int64?

    /// Nil if the link has no plain query that names a page.
    init?(link: String) {
        guard link.utf8.count <= VoicebotPageQuery.longestLink else { return nil }
        let withoutFragment = link.utf8.prefix { $0 != UInt8(ascii: "#") }
        guard let mark = withoutFragment.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        self.init(text: String(Substring(withoutFragment[withoutFragment.index(after: mark)...])))
    }

    /// Nil if the text is not a plain query that names a page.
    init?(text: String) {
        guard text.utf8.count <= VoicebotPageQuery.longestQuery else { return nil }
        var values: [String: String] = [:]
        for member in text.split(separator: "&", omittingEmptySubsequences: false) {
            let parts = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, VoicebotPageQuery.isPlain(name: parts[0]), VoicebotPageQuery.isPlain(value: parts[1]),
                values.updateValue(parts[1], forKey: parts[0]) == nil
            else { return nil }
        }
        if let digits = values["page"] {
            // The first page is never the next one.
            guard let page = Int64(digits), String(page) == digits, (2...VoicebotPageQuery.lastPage).contains(page) else { return nil }
            self.page = page
        } else if let cursor = values["cursor"], !cursor.isEmpty {
            page = nil
        } else {
            return nil
        }
        self.text = text
    }

    /// Whether reading on with this query after the earlier one comes to an end: page numbers must grow, a cursor must be a new one.
    func movesOn(from earlier: VoicebotPageQuery) -> Bool {
        if let page, let before = earlier.page { return page > before }
        return text != earlier.text
    }

    private static func isPlain(name: String) -> Bool {
        !name.isEmpty && name.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    private static func isPlain(value: String) -> Bool {
        var rest = value.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                let digits = String(Substring(rest.prefix(2)))
                // Neither control characters nor a sign in place of a digit.
                guard digits.utf8.count == 2, digits.utf8.allSatisfy(isAlphanumeric), let code = UInt8(digits, radix: 16),
                    code >= 0x20, code != 0x7F
                else { return false }
                rest = rest.dropFirst(2)
            } else if !isAlphanumeric(byte), !"-._~+".utf8.contains(byte) {
                return false
            }
        }
        return true
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }
}
