import ArgumentParser
import Glibc
import SyncCore
import SyncDaemon
import SyncRemotes
import SyncSQLite
import SyncStore
import SyncSystem

/// Shell completions of options and arguments: values of the program, and names and ids from the configured database. Reads only, within limits
/// (``CompletionSource``), and prints nothing but completions.
enum Completion {
    static let kinds = CompletionKind.list(Kinds.all.names)
    static let states = CompletionKind.list(OutboxState.allCases.map(\.rawValue))
    static let holders = CompletionKind.list(Holder.allCases.map(\.rawValue))
    static let configurations = CompletionKind.file(extensions: ["toml"])

    /// The names of configured remotes.
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

    /// Any rows of the outbox, newest first.
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

/// The command line typed so far. Its words are as the shell passes them, with quotes and backslashes; bash splits `--config=path` into three words.
struct TypedLine {
    var words: [String]
    /// The beginning of the argument that is being completed, without quotes.
    var prefix: String

    /// - Parameters:
    ///   - index: the index of the argument that is being completed.
    ///   - typed: that argument up to the cursor.
    init(words: [String], index: Int, typed: String) {
        self.words = words
        let word = words.indices.contains(index) ? words[index] : typed
        prefix = TypedLine.withoutQuotes(word.hasPrefix(typed) ? typed : word)
    }

    /// The file that the command would read: from `--config`, `CONVOSYNC_CONFIG` before the command, the environment, or the default.
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

    /// Reads the names. Like the commands, root reads the default configuration as the service's user.
    func names() -> ConfigurationNames {
        // Messages of libraries must not appear in the line that is being typed.
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
