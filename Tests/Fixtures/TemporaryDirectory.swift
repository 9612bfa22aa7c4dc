import Foundation

/// A folder of a test's own, below the system's folder for temporary files.
///
/// It goes away with everything in it when the last reference to it does: at the end of the test, also of one that throws. So a fixture
/// keeps it in a property, and a test in a variable; whoever keeps only the path has no folder any more.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() throws {
        // Short: the address of a unix socket has room for 107 bytes.
        path = FileManager.default.temporaryDirectory.appending(path: "cs-\(UUID().uuidString.prefix(13))").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        // Nothing is lost: a folder that is left behind is the system's to clear away.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in the folder, which need not exist.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file in the folder. One that is there is replaced: who has it open keeps what was in it.
    package func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(filePath: file(name)), options: .atomic)
    }
}
