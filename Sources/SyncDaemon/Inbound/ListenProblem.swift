import Glibc
import NIOCore
import SyncCore

/// Describes why the address cannot be listened on, and what to do about it.
enum ListenProblem {
    /// - Parameter former: where this process listens already.
    static func error(_ address: ListenAddress, _ error: any Error, beside former: ListenAddress? = nil) -> ConfigurationError {
        let reason = conflict(address, error, former) ?? text(error)
        return ConfigurationError(problems: [.init(path: "listen.address", line: nil, message: "cannot listen on \(address): \(reason)")])
    }

    /// The own listener keeps its port until the new one is bound, so that a reload that fails changes nothing.
    private static func conflict(_ address: ListenAddress, _ error: any Error, _ former: ListenAddress?) -> String? {
        guard let error = error as? IOError, error.errnoCode == EADDRINUSE, case .tcp(_, let port) = address,
            let former, case .tcp(_, port) = former
        else { return nil }
        return "this service itself listens on that port, at \(former); another host with the same port takes a restart"
    }

    static func event(_ address: ListenAddress, _ reason: String) -> LogEvent {
        LogEvent("listen.failed", level: .error).with("address", address.description).with("error", reason)
            .with("hint", "remotes cannot call until convosync is restarted; polling goes on")
    }

    private static func text(_ error: any Error) -> String {
        if let obstacle = error as? UnixSocketFile.Obstacle { return obstacle.reason }
        guard let error = error as? IOError else { return "\(error)" }
        switch error.errnoCode {
        case EADDRINUSE: return "another program listens there; end it, or choose another address"
        case EADDRNOTAVAIL: return "it is not an address of this machine"
        case EACCES, EPERM:
            return "this user may not; ports below 1024 need CAP_NET_BIND_SERVICE, a socket needs a directory that can be written"
        case ENOENT: return "the directory of the socket does not exist; under systemd, RuntimeDirectory=convosync makes /run/convosync"
        default: return "\(error)"
        }
    }
}

extension ListenAddress {
    func with(port: Int?) -> ListenAddress {
        if case .tcp(let host, _) = self, let port { return .tcp(host: host, port: port) }
        return self
    }
}
