import FoundationEssentials
import SyncCore
import SyncSystem

/// The one reader of tokens and secrets, wherever they are.
extension CredentialSource {
    /// Reads the credential now.
    package func read(
        as kind: CredentialKind = .token, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CredentialError) -> Credential {
        let label = [key(of: kind), shownName].compactMap { $0 }.joined(separator: " ")
        switch self {
        case .file(let path):
            return try CredentialSource.read(file: path, named: label)
        case .systemd(let name):
            guard let directory = environment["CREDENTIALS_DIRECTORY"] else {
                throw CredentialError(
                    "\(label): no CREDENTIALS_DIRECTORY in the environment; it is set by systemd for a unit with "
                        + "LoadCredential=\(shownName ?? "NAME"):…")
            }
            return try CredentialSource.read(file: "\(directory)/\(name)", named: label)
        case .environment(let variable):
            guard let value = environment[variable] else { throw CredentialError("\(label): the variable is not set") }
            return try CredentialSource.checked(value, named: label)
        }
    }

    /// The key of the configuration that names it.
    private func key(of kind: CredentialKind) -> String {
        switch self {
        case .file: "\(kind.noun)_file"
        case .systemd: "\(kind.noun)_credential"
        case .environment: "\(kind.noun)_env"
        }
    }

    /// The path, or the name of a credential or a variable, for people; nil if it is long and unlike such names: it may be a token in the wrong
    /// place.
    var shownName: String? {
        switch self {
        case .file(let path): return path
        case .systemd(let name):
            let isUsual = name.hasPrefix("remote_") || !name.contains { $0.isUppercase || $0.isNumber }
            return name.count <= CredentialSource.longestShown || isUsual ? name : nil
        case .environment(let variable):
            let isUsual = variable.utf8.contains(UInt8(ascii: "_")) && !variable.contains { $0.isLowercase }
            return variable.count <= CredentialSource.longestShown || isUsual ? variable : nil
        }
    }

    /// As of other texts of the configuration that may be misplaced tokens.
    private static let longestShown = 16

    private static func read(file path: String, named name: String) throws(CredentialError) -> Credential {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CredentialError("\(name): the file \(obstacle(at: path))")
        }
        guard let text = String(bytes: bytes, encoding: .utf8) else { throw CredentialError("\(name): is not UTF-8 text") }
        return try checked(text, named: name)
    }

    private static func obstacle(at path: String) -> String {
        if let closed = ClosedFolder(above: path) { return "cannot be looked for: this user may not search \(closed.path)" }
        return switch FileStatus.ifPresent(path)?.kind {
        case nil: "does not exist"
        case .directory?: "is a directory"
        default: "cannot be read by this user"
        }
    }

    private static func checked(_ text: String, named name: String) throws(CredentialError) -> Credential {
        let token = text.withoutOuterWhiteSpace
        guard !token.isEmpty else { throw CredentialError("\(name): is empty") }
        // RFC 6750 section 2.1 knows printable ASCII without spaces only; a line break would forge headers.
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw CredentialError("\(name): holds more than one word, or characters other than printable ASCII")
        }
        return Credential(token: token)
    }

    /// The file behind the source, for watching it.
    package func path(environment: [String: String] = ProcessInfo.processInfo.environment) -> String? {
        switch self {
        case .file(let path): path
        case .systemd(let name): environment["CREDENTIALS_DIRECTORY"].map { "\($0)/\(name)" }
        case .environment: nil
        }
    }
}
