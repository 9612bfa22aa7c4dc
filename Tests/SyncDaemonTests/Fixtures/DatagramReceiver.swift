import Fixtures
import Foundation

/// A unix datagram socket like the ones of systemd and the journal.
final class DatagramReceiver {
    struct Failure: Error {}

    let path: String
    /// Nil in the abstract namespace.
    private let directory: TemporaryDirectory?
    private let descriptor: Int32

    /// - Parameter name: beginning with `@` in the abstract namespace; nil: a file of its own.
    init(_ name: String? = nil) throws {
        directory = name == nil ? try TemporaryDirectory() : nil
        path = name ?? directory?.file("datagrams") ?? ""
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let length = socklen_t(2 + bytes.count + (bytes[0] == 0 ? 0 : 1))
        let code = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard code == 0 else { throw Failure() }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// The next datagram; waits a few seconds for one.
    func receive() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure() }
        return Array(buffer[..<count])
    }

    /// Whether every datagram was received.
    var isEmpty: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)) < 0
    }

    func receiveText() throws -> String { String(decoding: try receive(), as: UTF8.self) }
}
