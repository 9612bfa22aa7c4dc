import FoundationEssentials
import SyncCore

/// The one reader of tokens and secrets, wherever they are.
extension CredentialSource {
    /// Reads the credential now.
    package func read(
        as kind: CredentialKind = .token, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(CredentialError) -> Credential {
        switch self {
        case .file(let path):
            return try CredentialSource.read(file: path, named: "\(kind.noun)_file \(path)")
        case .systemd(let name):
            guard let directory = environment["CREDENTIALS_DIRECTORY"] else {
                throw CredentialError(
                    "\(kind.noun)_credential \(name): no CREDENTIALS_DIRECTORY in the environment; it is set by systemd for a unit with "
                        + "LoadCredential=\(name):…")
            }
            return try CredentialSource.read(file: "\(directory)/\(name)", named: "\(kind.noun)_credential \(name)")
        case .environment(let variable):
            guard let value = environment[variable] else {
                throw CredentialError("\(kind.noun)_env \(variable): the variable is not set")
            }
            return try CredentialSource.checked(value, named: "\(kind.noun)_env \(variable)")
        }
    }

    private static func read(file path: String, named name: String) throws(CredentialError) -> Credential {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CredentialError("\(name): the file \(obstacle(at: path))")
        }
        guard let text = String(bytes: bytes, encoding: .utf8) else { throw CredentialError("\(name): is not UTF-8 text") }
        return try checked(text, named: name)
    }

    private static func obstacle(at path: String) -> String {
        if let closed = ClosedFolder(above: path) { return "cannot be looked for: this user may not search \(closed.path)" }
        return FileManager.default.fileExists(atPath: path) ? "cannot be read by this user" : "does not exist"
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
