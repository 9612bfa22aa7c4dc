import Sandbox
import SyncCore
import Testing

@testable import SyncHTTP

/// ``NetworkTransport`` with a real socket: complete responses, and one failure for a call without one.
@Suite(.serialized, .timeLimit(.minutes(2))) struct NetworkTransportTests {
    static let token = "transport-token"

    /// A body that no socket accepts at once.
    static let largeBody = "{\"a\":\"" + String(repeating: "x", count: 6 << 20) + "\"}"

    static func call(_ url: String, method: String = "PATCH", body: String = "{\"a\":1}") -> HTTPCall {
        HTTPCall(
            method: method, url: url,
            headers: [
                ("Authorization", "Bearer \(token)"), ("Content-Type", "application/json"), ("Idempotency-Key", "key-1"),
            ], body: body)
    }

    static func limits(
        connect: Int64 = 2000, firstByte: Int64 = 5000, read: Int64 = 5000, total: Int64 = 10_000, size: Int = 65_536
    ) -> HTTPLimits {
        HTTPLimits(
            connectTimeout: .milliseconds(connect), firstByteTimeout: .milliseconds(firstByte), readTimeout: .milliseconds(read),
            totalTimeout: .milliseconds(total),
            maximumResponseSize: size)
    }

    /// The response, or the failure.
    static func send(
        _ url: String, limits: HTTPLimits = limits(), method: String = "PATCH", body: String = "{\"a\":1}"
    ) async -> Result<HTTPReply, TransportFailure> {
        let transport = NetworkTransport(limits)
        let result = await send(call(url, method: method, body: body), over: transport)
        await transport.shutdown()
        return result
    }

    static func send(_ call: HTTPCall, over transport: NetworkTransport) async -> Result<HTTPReply, TransportFailure> {
        // A bound that is not kept: the time limit of the suite cancels the call.
        do throws(TransportFailure) { return .success(try await transport.send(call)) } catch { return .failure(error) }
    }

    /// Expects a reply with its status, and the reason why its body is incomplete.
    static func expectReply(
        _ status: Int = 200, without kind: TransportFailure.Kind, saying text: String = "", body: String? = nil, from url: String,
        limits: HTTPLimits = limits(), sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        switch await send(url, limits: limits) {
        case .failure(let failure):
            Issue.record("the status is lost: \(failure.kind): \(failure.detail)", sourceLocation: sourceLocation)
        case .success(let reply):
            #expect(reply.status == status, sourceLocation: sourceLocation)
            let failure = reply.bodyFailure
            #expect(failure?.kind == kind, "\(failure?.detail ?? "no failure")", sourceLocation: sourceLocation)
            #expect(text.isEmpty || failure?.detail.contains(text) == true, "\(failure?.detail ?? "")", sourceLocation: sourceLocation)
            #expect(reply.body.count <= limits.maximumResponseSize, sourceLocation: sourceLocation)
            if let body { #expect(String(decoding: reply.body, as: UTF8.self) == body, sourceLocation: sourceLocation) }
        }
    }

    /// Expects a failure of a kind, and whether the call may have been applied.
    static func expect(
        _ kind: TransportFailure.Kind, mayHaveBeenApplied: Bool, saying text: String = "", from url: String, limits: HTTPLimits = limits(),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        switch await send(url, limits: limits) {
        case .success(let reply):
            Issue.record("responded \(reply.status)", sourceLocation: sourceLocation)
        case .failure(let failure):
            #expect(failure.kind == kind, "\(failure.kind): \(failure.detail)", sourceLocation: sourceLocation)
            #expect(failure.mayHaveBeenApplied == mayHaveBeenApplied, sourceLocation: sourceLocation)
            #expect(text.isEmpty || failure.detail.contains(text), "\(failure.detail)", sourceLocation: sourceLocation)
            #expect(!failure.detail.isEmpty && failure.detail.count <= 200, sourceLocation: sourceLocation)
            #expect(!failure.detail.contains(token), sourceLocation: sourceLocation)
        }
    }

    @Test func `a response has its status, lower-case headers and body, and the call is sent unchanged`() async throws {
        let server = try LoopbackServer {
            $0.write("HTTP/1.1 418 Teapot\r\nX-One: 1\r\nX-Two: a\r\nx-two: b\r\nContent-Length: 5\r\n\r\nshort")
        }
        let reply = try await Self.send(server.url).get()
        #expect(reply.status == 418)
        #expect(reply.headers["x-one"] == "1")
        #expect(reply.headers["x-two"] == "a, b")
        #expect(String(decoding: reply.body, as: UTF8.self) == "short")
        let request = try #require(server.requests.first)
        #expect(request.hasPrefix("PATCH /path HTTP/1.1\r\n"))
        #expect(request.contains("Idempotency-Key: key-1\r\n"))
        #expect(request.contains("accept-encoding: identity\r\n"))
        #expect(request.contains("host: 127.0.0.1:\(server.port)\r\n"))
        #expect(request.contains("Authorization: Bearer \(Self.token)\r\n"))
        #expect(request.hasSuffix("\r\n\r\n{\"a\":1}"))
    }

    @Test func `connections are kept for the next call`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.readRequest()
            connection.write("HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\n{}")
        }
        let transport = NetworkTransport(Self.limits())
        #expect(try await transport.send(Self.call(server.url)).status == 200)
        #expect(try await transport.send(Self.call(server.url)).status == 201)
        await transport.shutdown()
    }

    @Test func `a response of exactly the largest size is accepted`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + String(repeating: "x", count: 1000))
        }
        #expect(try await Self.send(server.url, limits: Self.limits(size: 1000)).get().body.count == 1000)
    }

    @Test func `a call to the sandbox gets a response and is recorded`() async throws {
        let sandbox = try await SandboxServer.start()
        let transport = NetworkTransport(Self.limits())
        var call = Self.call(sandbox.url(of: "vg") + "/agents/a1/convos/c1", body: "{\"conversation\":{\"state\":\"ended_chat\"}}")
        call.headers[0].value = "Bearer sandbox-token"
        let reply = try await transport.send(call)
        #expect(reply.status == 200)
        let record = try #require(sandbox.world.requests(instance: "vg").first)
        #expect(record.idempotencyKey == "key-1")
        #expect(record.isAuthorized)
        await transport.shutdown()
        await sandbox.stop()
    }

    @Test func `a redirect is a response that is not followed, so that the token is not sent elsewhere`() async throws {
        let elsewhere = try LoopbackServer { $0.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") }
        for status in [301, 302, 303, 307, 308] {
            let server = try LoopbackServer { [url = elsewhere.url] connection in
                connection.write("HTTP/1.1 \(status) Over there\r\nLocation: \(url)\r\nContent-Length: 0\r\n\r\n")
            }
            let reply = try await Self.send(server.url).get()
            #expect(reply.status == status)
            #expect(reply.headers["location"] == elsewhere.url)
        }
        #expect(elsewhere.requests.isEmpty)
    }

    @Test func `a call without a body has no length, and the response to HEAD has no body`() async throws {
        for (method, length) in [("GET", ""), ("HEAD", ""), ("POST", "content-length: 0\r\n")] {
            let server = try LoopbackServer(readsRequest: false) { connection in
                connection.readSome(4096)
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + (method == "HEAD" ? "" : "short"))
                connection.waitForClose()
            }
            let reply = try await Self.send(server.url, method: method, body: "").get()
            #expect(reply.body.count == (method == "HEAD" ? 0 : 5))
            let message = try RequestMessage(Self.call(server.url, method: method, body: ""))
            let text = String(buffer: message.bytes)
            #expect(text.contains("content-length") == !length.isEmpty)
            #expect(length.isEmpty || text.contains(length))
        }
    }

    @Test func `a call is sent once, whatever fails`() async throws {
        let server = try LoopbackServer { _ in }
        await Self.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
        #expect(server.requests.count == 1)
    }
}
