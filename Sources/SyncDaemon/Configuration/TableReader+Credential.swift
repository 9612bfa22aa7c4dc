import SyncCore
import SyncSystem

extension TableReader {
    /// The source of a token or secret: one of the keys `token_file`, `token_credential` and `token_env`, or `secret_…`.
    ///
    /// - Parameters:
    ///   - directory: the base of a relative path.
    ///   - isNeeded: whether it is a problem if none of the keys is present.
    mutating func credential(_ kind: CredentialKind, in directory: String, isNeeded: Bool = true) -> CredentialSource? {
        let noun = kind.noun
        let keys = (file: "\(noun)_file", credential: "\(noun)_credential", environment: "\(noun)_env")
        let allKeys = [keys.file, keys.credential, keys.environment].joined(separator: ", ")
        if has(noun) {
            _ = value(noun)
            problems.add(
                dotted(noun),
                "a \(noun) does not belong into this file; put it into a file of its own and name that with \(keys.file)")
        }
        let sources: [CredentialSource] = [
            file(keys.file, holding: noun, in: directory), systemdCredential(keys.credential, holding: noun),
            variable(keys.environment, holding: noun),
        ].compactMap { $0 }
        switch sources.count {
        case 1: return sources[0]
        case 0 where isNeeded && ![noun, keys.file, keys.credential, keys.environment].contains(where: has):
            problems.add(path, "has no \(noun): set one of \(allKeys)")
        case 2...: problems.add(path, "names more than one \(noun): only one of \(allKeys) may be given")
        default: break
        }
        return nil
    }

    private mutating func file(_ key: String, holding noun: String, in directory: String) -> CredentialSource? {
        guard let text = string(key) else { return nil }
        guard !text.isBlank else {
            problems.add(dotted(key), "is empty: it names the file that holds the \(noun)")
            return nil
        }
        let path = ConfigurationReader.resolve(text, in: directory)
        if TableReader.mayBeToken(text), FileStatus.ifPresent(path) == nil {
            return refuse(key, "names no file that is there", noun)
        }
        return .file(path: path)
    }

    private mutating func systemdCredential(_ key: String, holding noun: String) -> CredentialSource? {
        guard let name = string(key) else { return nil }
        let isPlain = name.utf8.allSatisfy { TableReader.isWordCharacter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
        guard isPlain, (1...64).contains(name.utf8.count), name != ".", name != ".." else {
            return refuse(key, "is not the name of a systemd credential: up to 64 letters, digits, dots, hyphens and underscores", noun)
        }
        return .systemd(name: name)
    }

    private mutating func variable(_ key: String, holding noun: String) -> CredentialSource? {
        guard let name = string(key) else { return nil }
        let beginsWithDigit = name.utf8.first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? true
        guard !beginsWithDigit, name.utf8.allSatisfy(TableReader.isWordCharacter) else {
            return refuse(key, "is not the name of an environment variable: letters, digits and underscores, no digit first", noun)
        }
        return .environment(variable: name)
    }

    private func refuse(_ key: String, _ problem: String, _ noun: String) -> CredentialSource? {
        problems.add(dotted(key), "\(problem). It is not shown, because it may be the \(noun) itself: that belongs into a file of its own")
        return nil
    }

    /// Whether a value that is to be a path looks like a token instead: relative, and one long piece, or with a long piece in which capitals, small
    /// letters and digits are mixed, as in base64.
    private static func mayBeToken(_ text: String) -> Bool {
        guard !text.hasPrefix("/") else { return false }
        let pieces = text.split(separator: "/").filter { $0.count > 20 }
        guard text.utf8.contains(UInt8(ascii: "/")) else { return !pieces.isEmpty }
        return pieces.contains { piece in
            piece.contains(where: \.isUppercase) && piece.contains(where: \.isLowercase) && piece.contains(where: \.isNumber)
        }
    }

    private static func isWordCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
