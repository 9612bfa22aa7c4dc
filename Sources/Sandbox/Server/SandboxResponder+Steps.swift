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

extension SandboxResponder {
    private static let padding = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 * 1024)

    /// Carries out the steps on the connection of a request.
    ///
    /// - Returns: whether a complete response was written; if not, the channel is closed or about to be.
    func carryOut(_ steps: [ConnectionStep], writer: consuming ResponseWriter, channel: any Channel) async throws -> Bool {
        var writer: ResponseWriter? = consume writer
        var body: (any ResponseBodyWriter)?
        for step in steps {
            switch step {
            case .wait(let milliseconds):
                let connection = connections.connection(of: channel)
                guard await connection.wait(milliseconds: milliseconds, on: channel.eventLoop) == .elapsed else { return false }
            case .respond(let head, let bytes):
                let whole = bytes.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
                try await writer.take()?.write(response: Self.head(head), body: whole)
            case .begin(let head):
                body = try await writer.take()?.writeHead(Self.head(head))
            case .send(let bytes):
                try await body?.write(ByteBuffer(bytes: bytes))
            case .pad(let count):
                for position in stride(from: 0, to: count, by: Self.padding.readableBytes) {
                    let length = min(count - position, Self.padding.readableBytes)
                    try await body?.write(Self.padding.getSlice(at: 0, length: length) ?? Self.padding)
                }
            case .end:
                try await body?.finish(nil)
            case .close(let resets):
                await Self.close(channel, resets: resets)
                return false
            }
        }
        return true
    }

    private static func head(_ head: ResponseHead) -> HTTPResponse {
        var fields = HTTPFields()
        for header in head.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            fields[name] = header.value
        }
        return HTTPResponse(status: .init(code: head.status), headerFields: fields)
    }

    /// Closes the TCP connection: with FIN, or with RST if `resets` is set.
    private static func close(_ channel: any Channel, resets: Bool) async {
        if resets, let options = channel as? any SocketOptionProvider {
            // Setting the option fails only if the connection is closed already.
            try? await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        channel.close(promise: nil)
    }
}
