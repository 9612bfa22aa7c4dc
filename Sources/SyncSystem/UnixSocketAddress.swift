import Glibc

/// The address of a unix socket (unix(7)): a path, or a name in the abstract namespace, which has no file.
package struct UnixSocketAddress: Sendable {
    /// The most bytes of a path: `sockaddr_un` has room for one more, the terminating zero.
    package static let longestPath = MemoryLayout<sockaddr_un>.size - pathOffset - 1

    private static let pathOffset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size

    private let address: sockaddr_un
    private let length: socklen_t

    /// Nil for a path that is empty, too long, or contains a zero byte.
    package init?(path: String) {
        guard !path.isEmpty, path.utf8.count <= UnixSocketAddress.longestPath, !path.utf8.contains(0) else { return nil }
        // The terminating zero byte is part of the length.
        self.init(Array(path.utf8) + [0])
    }

    /// - Parameter name: without the `@` that marks the abstract namespace in texts. Nil for a name that is empty or too long.
    package init?(abstractName name: String) {
        guard !name.isEmpty, name.utf8.count <= UnixSocketAddress.longestPath else { return nil }
        // A name begins with a zero byte; its end is given by the length.
        self.init([0] + Array(name.utf8))
    }

    private init(_ bytes: [UInt8]) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        self.address = address
        length = socklen_t(UnixSocketAddress.pathOffset + bytes.count)
    }

    /// For connect(2), bind(2), sendto(2).
    package func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }
}
