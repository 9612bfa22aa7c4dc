import SyncCore

/// What holds for every text that the program shows or logs.
enum TextPromises {
    /// One bounded line, without characters that control a terminal.
    /// - Parameter limit: in Unicode scalars: a character can have any number of them.
    static func checkLine(_ text: String?, _ name: String, limit: Int) throws(BrokenPromise) {
        guard let text else { return }
        let length = text.unicodeScalars.count
        try BrokenPromise.unless(length <= limit, "\(name) has at most \(limit) characters, not \(length)")
        if let scalar = text.unicodeScalars.first(where: \.controlsDisplay) {
            throw BrokenPromise("\(name) contains no control characters, and not U+\(String(scalar.value, radix: 16))")
        }
    }

    /// Compared as bytes: to `contains`, a combining mark after the secret makes it another text.
    static func checkSecrecy(_ text: String?, _ name: String, of secret: String) throws(BrokenPromise) {
        guard let text else { return }
        try BrokenPromise.unless(!contains(Array(text.utf8), Array(secret.utf8)), "\(name) does not contain a secret: \(text)")
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        guard text.count >= part.count else { return false }
        return (0...text.count - part.count).contains { text[$0...].starts(with: part) }
    }
}
