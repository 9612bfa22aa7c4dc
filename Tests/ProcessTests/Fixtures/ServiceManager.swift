import Fixtures
import Foundation

/// Takes systemd's part of sd_notify(3): a datagram socket and the messages that it received.
final class ServiceManager: Sendable {
    let path: String
    private let directory: TemporaryDirectory
    private let descriptor: Int32
    private let received = Watched<[String]>([])

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.file("notify")
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let (address, size) = ServiceManager.address(path)
        let code = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, size) }
        }
        guard code == 0 else { throw HarnessError("cannot bind \(path): error \(errno)") }
        self.descriptor = descriptor
        let received = received
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 8192)
            // An empty datagram ends it.
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
                let text = String(decoding: buffer[..<count], as: UTF8.self)
                received.change { $0.append(text) }
            }
        }
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    var messages: [String] { received.value }

    /// Sends a message of the test's own to the socket.
    func mark(_ text: String) throws {
        let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(sender) }
        let (address, size) = ServiceManager.address(path)
        let sent = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(sender, text, text.utf8.count, 0, $0, size) }
        }
        guard sent == text.utf8.count else { throw HarnessError("cannot send to \(path): error \(errno)") }
    }

    /// Waits for a message, and says how many came before it.
    func position(of text: String) async throws -> Int {
        guard let position = await received.wait(until: { $0.firstIndex(of: text) }) else { throw HarnessError("\(text) did not come") }
        return position
    }

    private static func address(_ path: String) -> (sockaddr_un, socklen_t) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return (address, socklen_t(3 + bytes.count))
    }

    /// Waits for a message with this beginning, from position `start` on.
    @discardableResult
    func message(_ prefix: String, from start: Int = 0, within timeout: Duration = ConvosyncProcess.patience) async throws -> String {
        let found = await received.wait(for: timeout) { messages in messages.dropFirst(start).first { $0.hasPrefix(prefix) } }
        guard let found else { throw HarnessError("no \(prefix) came; what came: \(messages.suffix(20))") }
        return found
    }
}
