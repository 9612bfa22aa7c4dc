import SyncCore
import SyncSystem

/// `[listen]`: where remotes may send webhook calls.
package struct ListenSettings: Sendable, Equatable {
    package var address: ListenAddress
    /// In bytes. A larger body gets the status 413.
    package var maximumBody = 1 << 20
    /// Nil: unlimited.
    package var rate: RateLimit? = RateLimit(calls: 100, period: .seconds(1))

    package init(address: ListenAddress) {
        self.address = address
    }
}

/// A TCP address or a Unix socket. Its description has the spelling of the configuration.
package enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// Port 0: the system chooses one.
    case tcp(host: String, port: Int)
    case unix(path: String)

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether only programs on this machine can connect.
    package var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): host == "localhost" || host.hasPrefix("127.") || host == "::1"
        }
    }

    /// Reads `127.0.0.1:8480`, `[::1]:8480`, `unix:/run/convosync/hooks.sock`.
    /// - Parameter directory: the base of a relative socket path.
    static func parse(_ text: String, directory: String) -> Result<ListenAddress, InvalidValue> {
        if text.hasPrefix("unix:") {
            let path = ConfigurationReader.resolve(String(text.dropFirst("unix:".count)), in: directory)
            guard text.count > "unix:".count, !path.hasSuffix("/") else { return .failure(InvalidValue("has no name of a socket file")) }
            guard path.utf8.count <= UnixSocketAddress.longestPath else {
                return .failure(
                    InvalidValue("the path of the socket has \(path.utf8.count) bytes, the system takes \(UnixSocketAddress.longestPath)"))
            }
            return .success(.unix(path: path))
        }
        let form = "write \"127.0.0.1:8480\", \"[::1]:8480\" or \"unix:/run/convosync/hooks.sock\""
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else {
            return .failure(InvalidValue("\"\(text.prefix(64))\" ends with no port; \(form)"))
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.utf8.contains(UInt8(ascii: ":")) {
            host = ""
        }
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".:-_".contains($0)) }) else {
            return .failure(InvalidValue("\"\(text.prefix(64))\" has no host; \(form)"))
        }
        return .success(.tcp(host: host, port: port))
    }
}
