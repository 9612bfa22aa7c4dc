import SyncCore

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
            string(keys.file).map { .file(path: ConfigurationReader.resolve($0, in: directory)) },
            string(keys.credential).map { .systemd(name: $0) },
            string(keys.environment).map { .environment(variable: $0) },
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
}
