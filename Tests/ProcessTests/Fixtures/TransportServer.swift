import Fixtures
import Foundation
import Synchronization

/// A TCP server on a free loopback port with a script for each connection, for behaviour that the sandbox does not have: it responds before
/// it has read, or closes without announcing it. Blocking: every connection has a thread.
final class TransportServer: Sendable {
    struct Connection: Sendable {
        fileprivate let descriptor: Int32

        /// A request with its complete body; nil when the client has closed.
        func readRequest() -> String? {
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { return nil }
                received += buffer[..<count]
                let text = String(decoding: received, as: UTF8.self)
                guard let end = text.range(of: "\r\n\r\n") else { continue }
                let field = text[..<end.lowerBound].lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                let length = field.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
                if text[end.upperBound...].utf8.count >= length { return text }
            }
        }

        /// Reads the bytes that have arrived, and no more.
        /// - Returns: false when the client has closed.
        @discardableResult
        func readSome() -> Bool {
            var buffer = [UInt8](repeating: 0, count: 1000)
            return read(descriptor, &buffer, buffer.count) > 0
        }

        func write(_ head: String, _ body: [UInt8] = Array("{}".utf8)) {
            write(Array("\(head)\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
        }

        func write(_ bytes: [UInt8]) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                guard sent > 0 else { return }
                rest = rest.dropFirst(sent)
            }
        }
    }

    private let listener: Int32
    private let port: Int
    private let counted = Mutex(0)

    var url: String { "http://127.0.0.1:\(port)" }
    var connectionCount: Int { counted.withLock { $0 } }

    /// - Parameter script: called for each connection, which is closed when it returns.
    init(_ script: @escaping @Sendable (Connection) -> Void) throws {
        (listener, port) = try LoopbackPort.listen()
        Thread.detachNewThread { [listener, weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                self?.counted.withLock { $0 += 1 }
                Thread.detachNewThread {
                    script(Connection(descriptor: descriptor))
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// A URL without a server: its port was free a little earlier.
    static func closedURL() throws -> String {
        "http://127.0.0.1:\(try LoopbackPort.unused())"
    }
}
