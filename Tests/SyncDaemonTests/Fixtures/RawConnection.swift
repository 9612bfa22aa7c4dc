import Foundation
import SyncCore

@testable import SyncDaemon

/// A client that writes bytes as a test wants: slowly, partly, too many. Blocking, so it runs on a thread of its own (``onThread(_:)``).
/// Nothing takes longer than ten seconds.
final class RawConnection {
    struct Response: Equatable {
        var status: Int
        var fields: [String: String]
        var body: String
    }

    struct Failure: Error { var message: String }

    private let descriptor: Int32
    private var received: [UInt8] = []

    init(_ address: ListenAddress) throws {
        switch address {
        case .tcp(_, let port):
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var target = sockaddr_in()
            target.sin_family = sa_family_t(AF_INET)
            target.sin_port = in_port_t(UInt16(port)).bigEndian
            target.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
            try RawConnection.connect(descriptor, &target)
        case .unix(let path):
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            var target = sockaddr_un()
            target.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &target.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
            try RawConnection.connect(descriptor, &target)
        }
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    private static func connect<Address>(_ descriptor: Int32, _ address: inout Address) throws {
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
        guard result == 0 else { throw Failure(message: "connect: \(errno)") }
    }

    /// False when the other side no longer reads.
    @discardableResult
    func write(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// The next response, with a body of its announced length. Nil at the end of the connection.
    func readResponse() throws -> Response? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let split = received.indices.first(where: { received[$0...].starts(with: end) }) {
                let lines = String(decoding: received[..<split], as: UTF8.self).components(separatedBy: "\r\n")
                var fields: [String: String] = [:]
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
                    fields[parts[0].lowercased()] = parts.count > 1 ? parts[1] : ""
                }
                let length = fields["content-length"].flatMap { Int($0) } ?? 0
                let bodyStart = split + end.count
                if received.count >= bodyStart + length {
                    let body = String(decoding: received[bodyStart..<bodyStart + length], as: UTF8.self)
                    received.removeFirst(bodyStart + length)
                    let words = lines[0].split(separator: " ")
                    return Response(status: words.count > 1 ? Int(words[1]) ?? 0 : 0, fields: fields, body: body)
                }
            }
            guard try readMore() else { return nil }
        }
    }

    /// Waits until the other side closes; throws when it does not.
    func waitForEnd() throws {
        while try readMore() {}
    }

    private func readMore() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &buffer, buffer.count)
        if count > 0 { received += buffer[..<count] }
        if count < 0, errno == EAGAIN { throw Failure(message: "no answer within a minute") }
        return count > 0
    }
}

/// Runs blocking code outside of the cooperative pool, which is as wide as the machine has cores.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread { continuation.resume(with: Result { try body() }) }.start()
    }
}
