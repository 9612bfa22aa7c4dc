import FoundationEssentials
import SyncCore
import SyncSystem

/// What a shell completes from the configuration file. Mistakes in the file do not matter here, as long as it is TOML: `convosync check`
/// is the place to be told of them.
package struct ConfigurationNames: Sendable, Equatable {
    package var databasePath: String?
    /// In order, enabled or not.
    package var remotes: [String] = []

    /// Without anything where the file cannot be read.
    package init(configurationPath path: String) {
        // A pipe in its place would keep the shell waiting.
        guard FileStatus.ifPresent(path)?.kind == .regular, let bytes = FileManager.default.contents(atPath: path),
            let text = String(bytes: bytes, encoding: .utf8), let members = ConfigurationNames.members(of: text)
        else { return }
        databasePath = members["database"]?["path"]?.stringValue.map {
            ConfigurationReader.resolve($0, in: FilePath.folder(of: path))
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
