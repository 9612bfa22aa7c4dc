import HTTPTypes
import HummingbirdCore
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The faults that happen on the connection. What they mean is said at ``FaultRule/Kind``.
extension SandboxResponder {
    /// Pieces of a body that comes slowly.
    private static let slowPieces = 20

    private static let hugePieceBytes = 64 * 1024

    /// - Returns: whether a complete answer was written; otherwise the channel is closed.
    func deliver(
        _ exchange: Exchange,
        fault: FaultRule,
        method: HTTPRequest.Method,
        writer: consuming ResponseWriter,
        channel: any Channel
    ) async throws -> Bool {
        let connection = connections.connection(of: channel)
        if fault.waitMilliseconds > 0, fault.kind != .slowBody {
            let result = await connection.wait(milliseconds: fault.waitMilliseconds, on: channel.eventLoop)
            if result == .disconnected { return false }
        }
        guard let answer = exchange.answer else {
            try await Self.close(channel, resets: fault.resets)
            return false
        }
        let body = answer.body.encoded
        switch fault.kind {
        case .truncated:
            try await Self.sendTruncated(answer, body: body, writer: writer)
            try await Self.close(channel, resets: false)
            return false
        case .slowBody:
            let wait = { (milliseconds: Int) in await connection.wait(milliseconds: milliseconds, on: channel.eventLoop) }
            try await Self.sendSlowly(answer, body: body, milliseconds: fault.waitMilliseconds, writer: writer, wait: wait)
        case .hugeBody:
            try await Self.sendHuge(bytes: fault.bytes, writer: writer)
        default:
            let sent = fault.kind == .garbage ? Array("<html>this is not JSON".utf8) : fault.rawBody ?? body
            try await Self.send(status: answer.status, headers: answer.headers, body: sent, method: method, writer: writer)
        }
        return true
    }

    /// Closes the TCP connection: with FIN, or with RST when nothing may linger.
    private static func close(_ channel: any Channel, resets: Bool) async throws {
        if resets, let options = channel as? any SocketOptionProvider {
            try? await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        channel.close(promise: nil)
    }

    private static func sendTruncated(_ answer: RemoteAnswer, body: [UInt8], writer: consuming ResponseWriter) async throws {
        let head = head(status: answer.status, headers: answer.headers, contentLength: body.count + 100)
        var bodyWriter = try await writer.writeHead(head)
        try await bodyWriter.write(ByteBuffer(bytes: body.prefix(max(1, body.count / 2))))
    }

    private static func sendSlowly(
        _ answer: RemoteAnswer,
        body: [UInt8],
        milliseconds: Int,
        writer: consuming ResponseWriter,
        wait: (Int) async -> Connection.WaitResult
    ) async throws {
        let head = head(status: answer.status, headers: answer.headers, contentLength: body.count)
        var bodyWriter = try await writer.writeHead(head)
        let pieces = max(1, min(slowPieces, body.count))
        for piece in 0..<pieces {
            if await wait(milliseconds / pieces) == .disconnected { throw SlowBodyAbandoned() }
            try await bodyWriter.write(ByteBuffer(bytes: body[body.count * piece / pieces..<body.count * (piece + 1) / pieces]))
        }
        try await bodyWriter.finish(nil)
    }

    /// A JSON object whose one member fills the body, so that only its size is wrong.
    private static func sendHuge(bytes: Int, writer: consuming ResponseWriter) async throws {
        let start = Array("{\"padding\":\"".utf8)
        let end = Array("\"}".utf8)
        var remaining = max(0, bytes - start.count - end.count)
        let head = head(status: 200, headers: [], contentLength: start.count + remaining + end.count)
        var bodyWriter = try await writer.writeHead(head)
        try await bodyWriter.write(ByteBuffer(bytes: start))
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: hugePieceBytes)
        while remaining > 0 {
            let count = min(remaining, hugePieceBytes)
            try await bodyWriter.write(piece.getSlice(at: 0, length: count) ?? piece)
            remaining -= count
        }
        try await bodyWriter.write(ByteBuffer(bytes: end))
        try await bodyWriter.finish(nil)
    }
}

/// The client went away while its body was being sent.
private struct SlowBodyAbandoned: Error {}

extension FaultRule {
    /// A rule's body that is a string is sent as it is, not as JSON.
    fileprivate var rawBody: [UInt8]? {
        guard kind == .status, let text = body?.string else { return nil }
        return Array(text.utf8)
    }
}
