import ArgumentParser
import Glibc
import SyncCore
import SyncDaemon
import SyncRemotes
import SyncSQLite
import SyncStore
import SyncSystem

/// What a shell offers behind an option or in the place of an argument: words of the program, and names and ids of the configured
/// database. Reads only, within bounds (``CompletionSource``), and prints nothing but the words.
enum Completion {
    static let kinds = CompletionKind.list(Kinds.all.names)
    static let states = CompletionKind.list(OutboxState.allCases.map(\.rawValue))
    static let holders = CompletionKind.list(Holder.allCases.map(\.rawValue))
    static let configurations = CompletionKind.file(extensions: ["toml"])

    /// Names of the remotes of the configuration.
    static let remotes = CompletionKind.custom { words, index, typed in
        let line = TypedLine(words: words, index: index, typed: typed)
        return line.names().remotes.filter { $0.hasPrefix(line.prefix) }
    }

    /// `conversations.id`
    static let conversations = CompletionKind.custom { words, index, typed in
        let line = TypedLine(words: words, index: index, typed: typed)
        guard let path = line.names().databasePath else { return [] }
        return CompletionSource.conversations(in: path, beginningWith: line.prefix)
    }

    /// Any rows of the outbox, the newest first.
    static let rows = outboxRows(unfinishedOnly: false)

    /// Rows of the outbox that can be retried, released or discarded.
    static let unfinishedRows = outboxRows(unfinishedOnly: true)

    private static func outboxRows(unfinishedOnly: Bool) -> CompletionKind {
        .custom { words, index, typed in
            let line = TypedLine(words: words, index: index, typed: typed)
            guard let path = line.names().databasePath else { return [] }
            return CompletionSource.outboxRows(in: path, beginningWith: line.prefix, unfinishedOnly: unfinishedOnly)
        }
    }
}

/// The command line as far as it has been typed. Its words are as the shell found them, with quotes and backslashes; bash makes three
/// words of `--config=path`.
struct TypedLine {
    var words: [String]
    /// What the word that is being completed begins with, without quotes.
    var prefix: String

    /// - Parameters:
    ///   - index: of the word that is being completed.
    ///   - typed: that word up to the cursor.
    init(words: [String], index: Int, typed: String) {
        self.words = words
        let word = words.indices.contains(index) ? words[index] : typed
        prefix = TypedLine.withoutQuotes(word.hasPrefix(typed) ? typed : word)
    }

    /// The file that the command would read: `--config`, `CONVOSYNC_CONFIG` before the command, the environment, the usual one.
    var configurationPath: String {
        var path: String?
        for (position, word) in words.enumerated() {
            if word == "--config" {
                let rest = words[(position + 1)...].prefix(2)
                path = (rest.first == "=" ? rest.dropFirst().first : rest.first) ?? path
            } else if word.hasPrefix("--config=") {
                path = String(word.dropFirst("--config=".count))
            } else if word.hasPrefix("CONVOSYNC_CONFIG="), path == nil {
                path = String(word.dropFirst("CONVOSYNC_CONFIG=".count))
            }
        }
        guard let path else { return ConfigurationOptions.usualPath }
        let plain = TypedLine.withoutQuotes(path)
        return FilePath.expandingHome(plain)
    }

    /// As the commands do, root looks at the usual configuration as the service's user.
    func names() -> ConfigurationNames {
        // Whatever a library has to say, it must not be said in the middle of a line that is being typed.
        let silence = open("/dev/null", O_WRONLY | O_CLOEXEC)
        if silence >= 0 { dup2(silence, STDERR_FILENO) }
        let path = configurationPath
        ServiceUser.assume(toLookAt: path)
        return ConfigurationNames(configurationPath: path)
    }

    static func withoutQuotes(_ word: String) -> String {
        var plain = ""
        var quote: Character?
        var isEscaped = false
        for character in word {
            if isEscaped {
                plain.append(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if quote == nil, character == "'" || character == "\"" {
                quote = character
            } else if character == quote {
                quote = nil
            } else {
                plain.append(character)
            }
        }
        return plain
    }
}
