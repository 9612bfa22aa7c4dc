import Glibc

/// The parts of a path, derived from its text. Only ``expandingHome(_:)`` uses the environment and the user database, and only
/// ``absolute(_:in:)`` accesses a folder on the way.
package enum FilePath {
    private static let slash = UInt8(ascii: "/")

    /// The folder that contains the file: `/etc` for `/etc/hosts`, `/` for `/hosts`, empty for `hosts`.
    package static func folder(of path: String) -> String {
        let bytes = withoutLastSlashes(path.utf8[...])
        guard let last = bytes.lastIndex(of: slash) else { return bytes.isEmpty && !path.isEmpty ? "/" : "" }
        let folder = withoutLastSlashes(bytes[..<last])
        return folder.isEmpty ? "/" : String(Substring(folder))
    }

    /// The last part: `hosts` for `/etc/hosts`. Empty for the root.
    package static func name(of path: String) -> String {
        let bytes = withoutLastSlashes(path.utf8[...])
        return String(Substring(bytes.lastIndex(of: slash).map { bytes[bytes.index(after: $0)...] } ?? bytes))
    }

    /// Replaces a leading `~/` by the home directory of this user: `HOME`, or the one in the user database (getpwuid(3)). Other paths are
    /// not changed, and none is if there is no such directory.
    package static func expandingHome(_ path: String) -> String {
        guard path.hasPrefix("~/"), let home = home() else { return path }
        return home + path.dropFirst()
    }

    private static func home() -> String? {
        if let home = getenv("HOME"), home.pointee != 0 { return String(cString: home) }
        return getpwuid(geteuid()).map { String(cString: $0.pointee.pw_dir) }
    }

    /// The absolute path, without parts such as `./`.
    ///
    /// `..` is resolved by the system as far as the folder exists, because after a symbolic link it is a different folder than the text suggests.
    /// - Parameter folder: the current folder.
    package static func absolute(_ path: String, in folder: String) -> String {
        let parts = (path.hasPrefix("/") ? path : "\(folder)/\(path)").split(separator: "/").filter { $0 != "." }
        guard parts.contains(".."), let last = parts.last, last != ".." else { return "/" + parts.joined(separator: "/") }
        let parent = "/" + parts.dropLast().joined(separator: "/")
        guard let resolved = realpath(parent, nil) else { return "\(parent)/\(last)" }
        defer { free(resolved) }
        let found = String(cString: resolved)
        return found == "/" ? "/\(last)" : "\(found)/\(last)"
    }

    private static func withoutLastSlashes(_ bytes: Substring.UTF8View) -> Substring.UTF8View {
        var rest = bytes
        while rest.last == slash { rest.removeLast() }
        return rest
    }
}
