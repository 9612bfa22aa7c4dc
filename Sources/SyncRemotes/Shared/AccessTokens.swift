/// Removes the value of `accessToken` from a text, in the query of a URL or as a member: it gives access to a stream of Fin's events.
/// The call did not carry it, so it is recognised by its name.
enum AccessTokens {
    private static let name = "accessToken"

    static func removed(from text: String, mark: String) -> String {
        guard text.utf8.firstRange(of: name.utf8) != nil else { return text }
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let found = rest.firstRange(of: name.unicodeScalars) {
            result.append(contentsOf: rest[..<found.upperBound])
            rest = rest[found.upperBound...]
            let separator = rest.prefix { isSeparator($0) }
            let value = rest[separator.endIndex...].prefix { isValue($0) }
            // Percent-encoded, the separator is a part of the value. A word after the name is none.
            guard !value.isEmpty, separator.contains(":") || separator.contains("=") || value.first == "%" else { continue }
            result.append(contentsOf: separator)
            result.append(contentsOf: mark.unicodeScalars)
            rest = rest[value.endIndex...]
        }
        result.append(contentsOf: rest)
        return String(result)
    }

    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case ":", "=", "\"", "'", "\\", " ": true
        default: false
        }
    }

    private static func isValue(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "A"..."Z", "a"..."z", "0"..."9", "+", "/", "-", "_", "=", ".", "~", "%": true
        default: false
        }
    }
}
