import HTTPTypes
import HummingbirdCore
import NIOCore

/// Answers the requests of all connections: control calls by ``ControlInterface``, the others by the instance that the path names.
struct SandboxResponder: Sendable {
    let world: SandboxWorld
    let control: ControlInterface
    let connections: ConnectionTable
    let webhooks: WebhookSender

    /// Ends the handling of a connection whose channel was closed on purpose.
    struct ConnectionGivenUp: Error {}

    func respond(to request: Request, writer: consuming ResponseWriter, channel: any Channel) async throws {
        let target = request.head.path ?? "/"
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = String(parts.first ?? "/")
        let queryText = parts.count > 1 ? String(parts[1]) : nil
        let segments = RequestReader.segments(of: path)
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: RequestReader.maximumBodyBytes)
        } catch is NIOTooManyBytesError {
            world.noteOversized()
            let message: SandboxJSON = ["message": .string("a body of more than \(RequestReader.maximumBodyBytes) bytes is not read")]
            return try await Self.send(status: 413, body: message.encoded, method: request.method, writer: writer)
        }
        if segments.first == ControlInterface.prefix {
            let query = queryText.map(RequestReader.query) ?? [:]
            let names = Array(segments.dropFirst())
            let answer = await control.answer(method: request.method.rawValue, segments: names, query: query, body: body)
            return try await Self.send(status: answer.status, body: answer.body, method: request.method, writer: writer)
        }
        let call = RequestReader.call(head: request.head, path: path, segments: segments, queryText: queryText, body: body)
        guard let (_, instance) = RemoteKind.resolve(segments.first ?? ""), let exchange = world.begin(call, instance: instance) else {
            world.noteUnrouted(path: path)
            let message: SandboxJSON = ["message": "no remote system lives under this path"]
            return try await Self.send(status: 404, body: message.encoded, method: request.method, writer: writer)
        }
        try await carryOut(exchange, method: request.method, writer: writer, channel: channel)
    }

    /// Carries out what was decided, and notes its end whatever happens.
    private func carryOut(
        _ exchange: Exchange,
        method: HTTPRequest.Method,
        writer: consuming ResponseWriter,
        channel: any Channel
    ) async throws {
        if let target = exchange.webhook, let events = exchange.answer?.events {
            webhooks.enqueue(events, to: target, kind: exchange.kind)
        }
        do {
            if let fault = exchange.fault {
                let isAnswered = try await deliver(exchange, fault: fault, method: method, writer: writer, channel: channel)
                world.finish(exchange, isAnswered: isAnswered)
                if !isAnswered { throw ConnectionGivenUp() }
            } else if let answer = exchange.answer {
                try await Self.send(
                    status: answer.status,
                    headers: answer.headers,
                    body: answer.body.encoded,
                    method: method,
                    writer: writer
                )
                world.finish(exchange, isAnswered: true)
            }
        } catch let error as ConnectionGivenUp {
            throw error
        } catch {
            world.finish(exchange, isAnswered: false)
            throw error
        }
    }

    /// Writes a complete answer.
    static func send(
        status: Int,
        headers: [(name: String, value: String)] = [],
        body: [UInt8],
        method: HTTPRequest.Method,
        writer: consuming ResponseWriter
    ) async throws {
        let hasBody = status >= 200 && status != 204 && status != 304
        let head = head(status: status, headers: headers, contentLength: hasBody ? body.count : nil)
        let sent = hasBody && method != .head ? ResponseBody(byteBuffer: ByteBuffer(bytes: body)) : ResponseBody()
        try await writer.write(response: head, body: sent)
    }

    static func head(status: Int, headers: [(name: String, value: String)], contentLength: Int?) -> HTTPResponse {
        var fields = HTTPFields()
        if let contentLength {
            fields[.contentType] = "application/json"
            fields[.contentLength] = String(contentLength)
        }
        for header in headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            fields[name] = header.value
        }
        return HTTPResponse(status: .init(code: status), headerFields: fields)
    }
}
