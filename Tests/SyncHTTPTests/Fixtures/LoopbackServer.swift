import Fixtures
import Foundation
import Synchronization

/// A TCP server on a free loopback port that runs a script for every connection, for behaviour that no HTTP server has.
final class LoopbackServer: Sendable {
    /// The operations of a connection's script. Blocking: every connection has a thread.
    struct Connection: Sendable {
        fileprivate let descriptor: Int32
        fileprivate let listener: Int32

        /// Reads until the end of a request's head and its body, which every call here sends in one piece.
        @discardableResult
        func readRequest() -> String {
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                let count = read(descriptor, &buffer, buffer.count)
                guard count > 0 else { return String(decoding: received, as: UTF8.self) }
                received += buffer[..<count]
                let text = String(decoding: received, as: UTF8.self)
                if let end = text.range(of: "\r\n\r\n"), text.hasSuffix("}") || text[..<end.lowerBound].contains("content-length: 0") {
                    return text
                }
            }
        }

        /// Reads the bytes that have arrived, and no more; false if the client is gone.
        @discardableResult
        func readSome(_ size: Int = 1000) -> Bool {
            var buffer = [UInt8](repeating: 0, count: size)
            return read(descriptor, &buffer, size) > 0
        }

        func write(_ text: String) {
            write(Array(text.utf8))
        }

        func write(_ bytes: [UInt8]) {
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }

        /// Closes the sending side, and continues to listen.
        func endOutput() {
            shutdown(descriptor, Int32(SHUT_WR))
        }

        /// Refuses new connections from now on.
        func stopListening() {
            shutdown(listener, Int32(SHUT_RDWR))
        }

        /// Waits until the client goes away.
        func waitForClose() {
            var buffer = [UInt8](repeating: 0, count: 4096)
            while read(descriptor, &buffer, buffer.count) > 0 {}
        }

        /// Waits until the client goes away, without reading what it sends.
        func waitForHangUp() {
            var entry = pollfd(fd: descriptor, events: LoopbackServer.closedByPeer, revents: 0)
            while poll(&entry, 1, 10_000) < 0, errno == EINTR {}
        }

        /// Writes a byte from time to time until the client goes away: no silence is long, and the response never ends.
        func trickle() {
            while true {
                Delay.blocking(for: .milliseconds(50))
                guard send(descriptor, " ", 1, Int32(MSG_NOSIGNAL)) == 1 else { return }
            }
        }

        /// Makes the close that follows a reset.
        func resetOnClose() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// `POLLRDHUP`, which the overlay does not define.
    private static let closedByPeer: Int16 = 0x2000

    let port: Int
    private let listener: Int32
    private let received = Mutex<[String]>([])
    private let accepted = Mutex(0)
    /// Whether the first request has arrived.
    let hasRequest = Signal()

    /// The requests, in the order in which they arrived.
    var requests: [String] { received.withLock { $0 } }
    /// The number of accepted connections.
    var connectionCount: Int { accepted.withLock { $0 } }

    /// Responds to every call on a connection until the client closes it.
    static func answering(_ response: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") throws -> LoopbackServer {
        try LoopbackServer { connection in
            repeat { connection.write(response) } while !connection.readRequest().isEmpty
        }
    }

    /// - Parameter script: called on a thread of its own for each connection, with the request if `readsRequest`; the connection is
    ///   closed when it returns.
    init(readsRequest: Bool = true, _ script: @escaping @Sendable (Connection) -> Void) throws {
        (listener, port) = try LoopbackPort.listen()
        Thread.detachNewThread { [listener, weak self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                self?.accepted.withLock { $0 += 1 }
                Thread.detachNewThread { [weak self] in
                    let connection = Connection(descriptor: descriptor, listener: listener)
                    if readsRequest {
                        let request = connection.readRequest()
                        self?.received.withLock { $0.append(request) }
                        self?.hasRequest.send()
                    }
                    script(connection)
                    close(descriptor)
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    var url: String { "http://127.0.0.1:\(port)/path" }

    /// Calls `body` with the URL of a port whose queue of connections is full: the kernel drops further attempts to connect without a response.
    static func withFullQueue(_ body: (String) async throws -> Void) async throws {
        let (listener, port) = try LoopbackPort.listen(backlog: 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let clients = (0..<4).map { _ in
            let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            let descriptor = socket(AF_INET, type, 0)
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    _ = connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return descriptor
        }
        defer { for descriptor in clients + [listener] { close(descriptor) } }
        try await body("http://127.0.0.1:\(port)/path")
    }
}
