import Dispatch
import Fixtures
import Foundation

/// A single HTTP call over loopback, written by hand.
enum RawCall {
    /// - Returns: the status code; nil when the connection was closed without one.
    @discardableResult
    static func post(port: UInt16, path: String, header: String, body: String) async throws -> Int? {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Int?, any Error>) in
            // Blocks, so not in the cooperative pool.
            DispatchQueue(label: "process-tests.call").async { @Sendable in
                continuation.resume(with: Result { try send(port, path, header, body) })
            }
        }
    }

    private static func send(_ port: UInt16, _ path: String, _ header: String, _ body: String) throws -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let code = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw HarnessError("cannot connect to port \(port): error \(errno)") }
        let text =
            "POST \(path) HTTP/1.1\r\nHost: localhost\r\n\(header)\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
        let bytes = Array(text.utf8)
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { throw HarnessError("not sent") }
        var buffer = [UInt8](repeating: 0, count: 4096)
        var response: [UInt8] = []
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { response += buffer[..<count] }
        return String(decoding: response.prefix(64), as: UTF8.self).split(separator: " ").dropFirst().first.flatMap { Int($0) }
    }
}
