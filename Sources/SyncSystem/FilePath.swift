import Glibc

/// The parts of a path, derived from its text. Only ``expandingHome(_:)`` uses the environment and the user database; nothing here accesses
/// the path itself.
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

    private static func withoutLastSlashes(_ bytes: Substring.UTF8View) -> Substring.UTF8View {
        var rest = bytes
        while rest.last == slash { rest.removeLast() }
        return rest
    }
}
