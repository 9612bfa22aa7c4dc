import SyncCore
import SyncDaemon

/// The text of a configuration file.
enum ConfigurationPromises {
    private static let directory = "/etc/convosync"
    /// A token in the wrong place.
    private static let secret = "misplaced-token-5f2a91c07b3e"
    /// A problem names a key and its place, shows a short value, or lists what is allowed. In characters.
    private static let longestProblem = 1000

    @Sendable static func check(_ bytes: [UInt8]) throws(BrokenPromise) -> FuzzTarget.Reading {
        // Anything else is refused before it is parsed.
        guard let text = String(validating: bytes, as: UTF8.self) else { return .refused }
        let result = parse(text)
        try BrokenPromise.unless(parse(text) == result, "the same text is read alike")
        try checkMisplacedToken(in: text)
        try checkForOperator(text, result)
        switch result {
        case .success(let configuration):
            try BrokenPromise.unless(parse(text + "\n# the end\n") == result, "a comment at the end changes nothing")
            if case .success = parse(text + "\n=\n") { throw BrokenPromise("a text is read to its end") }
            try checkRemotes(of: configuration)
            return .accepted
        case .failure(let error):
            try check(error.problems, of: text)
            return .refused
        }
    }

    private static func parse(_ text: String) -> Result<Configuration, ConfigurationError> {
        Result { () throws(ConfigurationError) in try ConfigurationFile.parse(text, directory: directory) }
    }

    private static func check(_ problems: [ConfigurationError.Problem], of text: String) throws(BrokenPromise) {
        try BrokenPromise.unless(!problems.isEmpty, "a text that is refused has a problem")
        let lines = text.utf8.count { $0 == UInt8(ascii: "\n") } + 1
        for problem in problems {
            try TextPromises.checkLine(problem.description, "a problem", limit: longestProblem)
            if let line = problem.line { try BrokenPromise.unless((1...lines).contains(line), "line \(line) is in the text: \(problem)") }
        }
    }

    /// The value of an unknown key is not shown, nor that of a key which names where a token is.
    private static func checkMisplacedToken(in text: String) throws(BrokenPromise) {
        let keys = ["token", "kind", "token_env", "token_file", "secret_env", "secret_file"]
        for line in keys.map({ "\($0) = \"\(secret)\"" }) + ["url = \"https://user:\(secret)@example.com\""] {
            guard case .failure(let error) = parse("\(text)\n\(line)\n") else { continue }
            for problem in error.problems { try TextPromises.checkSecrecy(problem.description, "a problem", of: secret) }
        }
    }

    /// Commands that inspect the database read as much as is valid, and report the same problems: in a text that is
    /// not TOML also those of the other lines.
    private static func checkForOperator(_ text: String, _ result: Result<Configuration, ConfigurationError>) throws(BrokenPromise) {
        let read = Result { () throws(ConfigurationError) in try OperatorConfiguration.parse(text, directory: directory) }
        switch (result, read) {
        case (.success(let configuration), .success(let lenient)):
            try BrokenPromise.unless(lenient.isValid, "a valid text has no problems for an operator either")
            try BrokenPromise.unless(lenient.remotes == configuration.remotes, "a valid text has the same remotes for an operator")
            try BrokenPromise.unless(lenient.soundRemotes == configuration.enabledRemotes, "all remotes of a valid text can be decided")
        case (.failure(let error), .success(let lenient)):
            try BrokenPromise.unless(lenient.problems.starts(with: error.problems), "an operator sees the same problems first")
            try BrokenPromise.unless(!lenient.databasePath.isEmpty, "an operator's configuration names the database")
            try BrokenPromise.unless(lenient.names == lenient.names.sorted(), "names are sorted")
        case (.failure(let error), .failure(let same)):
            try BrokenPromise.unless(same.problems.starts(with: error.problems), "an operator sees the same problems first")
        case (.success, .failure(let error)):
            throw BrokenPromise("a valid text can be used by an operator: \(error)")
        }
    }

    /// A remote of a valid configuration can be called, and its adapter accepts it.
    private static func checkRemotes(of configuration: Configuration) throws(BrokenPromise) {
        try BrokenPromise.unless(!configuration.databasePath.isEmpty, "a valid configuration names the database")
        let names = configuration.remotes.map(\.name)
        try BrokenPromise.unless(names == names.sorted() && Set(names).count == names.count, "every remote has a name of its own")
        for remote in configuration.remotes {
            try BrokenPromise.unless(remote.leaseDuration > remote.limits.totalTimeout * 2, "a lease is longer than two calls")
            try BrokenPromise.unless(remote.adapter.fingerprint == remote.adapter.fingerprint, "a fingerprint is fixed")
            try TextPromises.checkLine(remote.url, "a URL", limit: .max)
            if let path = remote.adapter.listCall(agent: nil, after: nil)?.path {
                try BrokenPromise.unless(path.hasPrefix("/"), "a path begins with a slash: \(path)")
            }
        }
    }
}
