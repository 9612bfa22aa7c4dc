import Foundation

/// Takes systemd's part of sd_notify(3): a datagram socket and the messages that it received.
final class ServiceManager: Sendable {
    let path: String
    private let descriptor: Int32
    private let received = Watched<[String]>([])

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/cs-\(UUID().uuidString.prefix(8)).notify"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let code = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(3 + bytes.count)) }
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
        unlink(path)
    }

    var messages: [String] { received.value }

    /// Waits for a message with this beginning, from position `start` on.
    @discardableResult
    func message(_ prefix: String, from start: Int = 0, within timeout: Duration = ConvosyncProcess.patience) async throws -> String {
        let found = await received.wait(for: timeout) { messages in messages.dropFirst(start).first { $0.hasPrefix(prefix) } }
        guard let found else { throw HarnessError("no \(prefix) came; what came: \(messages.suffix(20))") }
        return found
    }
}
