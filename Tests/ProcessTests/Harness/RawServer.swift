import Foundation
import Synchronization

/// A TCP server on loopback that answers each request with bytes of the test's choice: for responses that no HTTP server would send.
final class RawServer: Sendable {
    /// What is written, and what becomes of the connection then.
    struct Response: Sendable {
        enum Ending: Sendable {
            case close
            /// Nothing more is said until the client goes away.
            case silence
        }

        var bytes: [UInt8]
        var ending: Ending

        init(_ text: String, then ending: Ending = .close) { self.init(Array(text.utf8), then: ending) }

        init(_ bytes: [UInt8], then ending: Ending = .close) {
            self.bytes = bytes
            self.ending = ending
        }

        /// A whole response with the right length.
        static func json(_ status: Int = 200, _ headers: [String] = [], _ body: String) -> Response {
            let head = [
                "HTTP/1.1 \(status) X", "Content-Type: application/json", "Content-Length: \(body.utf8.count)", "Connection: close",
            ]
            return Response((head + headers).joined(separator: "\r\n") + "\r\n\r\n" + body)
        }
    }

    let port: Int
    private let listener: Int32
    private let received = Mutex<[String]>([])

    /// The requests that came whole, heads and bodies.
    var requests: [String] { received.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameter respond: called with the number of the request, from 0.
    init(_ respond: @escaping @Sendable (Int) -> Response) throws {
        (listener, port) = try RawServer.listen()
        Thread.detachNewThread { [listener] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                Thread.detachNewThread { [weak self] in
                    defer { close(descriptor) }
                    guard let request = RawServer.read(from: descriptor), let self else { return }
                    let number = self.received.withLock { received in
                        received.append(request)
                        return received.count - 1
                    }
                    let response = respond(number)
                    RawServer.write(response.bytes, to: descriptor)
                    if response.ending == .silence { RawServer.waitForClose(of: descriptor) }
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// A URL on which nobody listens: its port was free a moment ago.
    static func closedURL() throws -> String {
        let (descriptor, port) = try listen()
        close(descriptor)
        return "http://127.0.0.1:\(port)"
    }

    private static func read(from descriptor: Int32) -> String? {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            received += buffer[..<count]
            let text = String(decoding: received, as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { continue }
            let length = text[..<end.lowerBound].split(separator: "\r\n").compactMap { line -> Int? in
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
                return Int(parts[1].trimmingCharacters(in: .whitespaces))
            }.first
            if text[end.upperBound...].utf8.count >= length ?? 0 { return text }
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    private static func waitForClose(of descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while Glibc.read(descriptor, &buffer, buffer.count) > 0 {}
    }

    private static func listen() throws -> (Int32, Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                guard bind(descriptor, pointer, size) == 0, Glibc.listen(descriptor, 16) == 0 else { return Int32(-1) }
                return getsockname(descriptor, pointer, &size)
            }
        }
        guard code == 0 else {
            close(descriptor)
            throw HarnessError("cannot listen: error \(errno)")
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}
