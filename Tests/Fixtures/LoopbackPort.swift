import Glibc

/// A TCP port on loopback that the system picks.
package enum LoopbackPort {
    /// A socket that listens on one. The caller closes it.
    /// - Parameter backlog: how many connections may wait to be accepted.
    package static func listen(backlog: Int32 = 64) throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(descriptor, pointer, size) == 0, Glibc.listen(descriptor, backlog) == 0 else { return Int32(-1) }
                return getsockname(descriptor, pointer, &size)
            }
        }
        guard code == 0 else {
            let error = errno
            close(descriptor)
            throw HarnessError("no free port: error \(error)")
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// A port on which no program listens, until somebody else gets it.
    package static func unused() throws -> Int {
        let (descriptor, port) = try listen()
        close(descriptor)
        return port
    }
}
