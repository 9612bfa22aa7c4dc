import Foundation

/// Where a command has its files.
enum Folder {
    /// A new folder's path, below the system's folder for temporary files.
    static func make(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appending(path: "convosync-\(name)-\(getpid())").path
    }
}

/// Prints a line that is there at once, in a file as well.
func printAtOnce(_ line: String) {
    print(line)
    fflush(nil)
}
