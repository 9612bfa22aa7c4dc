import FoundationEssentials

/// Secrets in base64 and percent-encoded form, as in a proxy's message that shows a header, or in an error that shows a URL.
struct EncodedForms: Sendable {
    /// A secret has three base64 forms, depending on its offset; the characters that also depend on neighbouring bytes are left out.
    private let base64: [String]
    private let percent: [String]

    /// Shorter texts occur in too many encoded ones.
    private static let shortestSecret = 6
    /// Each secret has up to twelve forms that are as long as itself or longer. A long message is not what a header or a URL holds.
    private static let longestText = 1024

    /// - Parameters:
    ///   - texts: texts of the call.
    ///   - credential: the remote's token, of any length.
    ///   - files: the beginnings of files that the call has in base64.
    init(of texts: Set<String>, credential: String?, files: Set<String>) {
        let texts = texts.filter { $0.utf8.count <= EncodedForms.longestText }
        let secrets = texts.union(credential.map { [$0] } ?? []).filter { $0.utf8.count >= EncodedForms.shortestSecret }
        base64 = Array(Set(secrets.flatMap(EncodedForms.base64)).union(files)).sorted { $0.count > $1.count }
        percent = Array(Set(secrets.flatMap(EncodedForms.percent))).sorted { $0.count > $1.count }
    }

    func removed(from text: String, mark: String) -> String {
        var text = text
        // Every percent-encoded form has one of these characters in it.
        if text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) {
            for form in percent { text = text.replacingScalars(of: form, with: mark) }
        }
        for form in base64 where form.utf8.count <= text.utf8.count { text = EncodedForms.removing(form, from: text, mark: mark) }
        return text
    }

    /// The rest of the same base64 text, before and after the secret, is removed with it.
    private static func removing(_ form: String, from text: String, mark: String) -> String {
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let found = rest.firstRange(of: form.unicodeScalars) {
            let before = rest[..<found.lowerBound]
            let start = before.lastIndex { !isBase64($0) }.map { before.index(after: $0) } ?? before.startIndex
            result.append(contentsOf: before[..<start])
            result.append(contentsOf: mark.unicodeScalars)
            rest = rest[found.upperBound...].drop(while: isBase64)
        }
        result.append(contentsOf: rest)
        return String(result)
    }

    private static func isBase64(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "A"..."Z", "a"..."z", "0"..."9", "+", "/", "-", "_", "=": true
        default: false
        }
    }

    private static func base64(_ secret: String) -> [String] {
        (0..<3).flatMap { offset -> [String] in
            let bytes = [UInt8](repeating: 0, count: offset) + Array(secret.utf8)
            // Of the first and the last group, only the characters that no other byte influences.
            let first = (offset * 8 + 5) / 6
            let last = bytes.count * 8 / 6
            let form = String(Data(bytes).base64EncodedString().dropFirst(first).prefix(last - first))
            return [form, form.replacing("+", with: "-").replacing("/", with: "_")]
        }
    }

    private static func percent(_ secret: String) -> [String] {
        let isUnreserved: (UInt8) -> Bool = { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
            default: false
            }
        }
        func encoded(_ digits: String, space: String) -> String {
            let digits = Array(digits)
            return secret.utf8.map { byte in
                if isUnreserved(byte) { return String(UnicodeScalar(byte)) }
                return byte == 0x20 ? space : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }.joined()
        }
        // Every byte encoded, which is allowed though not required.
        func whole(_ digits: String) -> String {
            let digits = Array(digits)
            return secret.utf8.map { "%\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
        }
        let alphabets = ["0123456789ABCDEF", "0123456789abcdef"]
        let usual = alphabets.flatMap { digits in ["%20", "+"].map { encoded(digits, space: $0) } }
        return usual.filter { $0.contains("%") || $0.contains("+") } + alphabets.map(whole)
    }
}

extension String {
    /// Replaces a text wherever its Unicode scalars occur. The `replacing` of the standard library compares characters: a combining mark
    /// after the text would belong to its last one, and hide it.
    func replacingScalars(of text: String, with other: String) -> String {
        String(UnicodeScalarView(unicodeScalars.replacing(text.unicodeScalars, with: other.unicodeScalars)))
    }
}
