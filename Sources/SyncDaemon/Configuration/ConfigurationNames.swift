import FoundationEssentials
import SyncCore
import SyncSystem

/// Names for shell completion from the configuration file. Problems in the file do not matter here, as long as it is TOML: `convosync check` reports
/// them.
package struct ConfigurationNames: Sendable, Equatable {
    package var databasePath: String?
    /// Sorted, enabled or not.
    package var remotes: [String] = []

    /// Empty if the file cannot be read.
    package init(configurationPath path: String) {
        // Reading a pipe in its place would block the shell.
        guard FileStatus.ifPresent(path)?.kind == .regular, let bytes = FileManager.default.contents(atPath: path),
            let text = String(bytes: bytes, encoding: .utf8), let members = ConfigurationNames.members(of: text)
        else { return }
        databasePath = members["database"]?["path"]?.stringValue.flatMap {
            ConfigurationReader.databasePath($0, in: FilePath.folder(of: path))
        }
        remotes = (members["remotes"]?.objectValue?.keys.sorted() ?? []).filter { !$0.isEmpty }
    }

    private static func members(of text: String) -> JSONObject? {
        do {
            return try ConfigurationFile.members(of: text)
        } catch {
            return nil
        }
    }
}
