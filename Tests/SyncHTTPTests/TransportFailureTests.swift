import Fixtures
import Sandbox
import SyncCore
import Testing

@testable import SyncHTTP

/// A call without a response has a failure of a kind, which tells whether the remote may have applied the call nevertheless.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TransportFailureTests {
    private typealias Transport = NetworkTransportTests

    @Test func `a refused connection was not applied`() async throws {
        let port = try LoopbackPort.unused()
        await Transport.expect(.connectionRefused, mayHaveBeenApplied: false, from: "http://127.0.0.1:\(port)/")
    }

    @Test func `a call to a name that does not resolve was not applied`() async throws {
        await Transport.expect(.nameResolution, mayHaveBeenApplied: false, from: "http://does-not-exist.invalid/")
    }

    /// Each of the two limits with the other one far longer: neither may take the place of the other.
    @Test(arguments: [(300, 5000), (300, 300), (600, 300)])
    func `a call whose response exceeds the first-byte timeout may have been applied`(firstByte: Int64, read: Int64) async throws {
        let server = try LoopbackServer { $0.waitForClose() }
        let startedAt = ContinuousClock.now
        let limits = Transport.limits(connect: 500, firstByte: firstByte, read: read)
        await Transport.expect(.timeout, mayHaveBeenApplied: true, saying: "first-byte timeout", from: server.url, limits: limits)
        let took = ContinuousClock.now - startedAt
        #expect(took >= .milliseconds(firstByte) && took < .seconds(4))
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [(5000, 300), (300, 300), (300, 900)])
    func `a body that stops half-way ends with the read timeout and keeps its status`(firstByte: Int64, read: Int64) async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":")
            connection.waitForClose()
        }
        let startedAt = ContinuousClock.now
        let limits = Transport.limits(connect: 500, firstByte: firstByte, read: read)
        await Transport.expectReply(without: .timeout, saying: "read timeout", body: "{\"half\":", from: server.url, limits: limits)
        let took = ContinuousClock.now - startedAt
        #expect(took >= .milliseconds(read) && took < .seconds(4))
    }

    @Test func `a body that pauses for less than the read timeout is read, however long it takes within the total timeout`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
            for _ in 0..<8 {
                Delay.blocking(for: .milliseconds(100))
                connection.write("x")
            }
        }
        for firstByte in [Int64(300), 5000] {
            let reply = try await Transport.send(server.url, limits: Transport.limits(firstByte: firstByte, read: 500)).get()
            #expect(reply.body.count == 8)
        }
    }

    @Test func `a response whose head never ends runs into the total timeout and may have been applied`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nX-Slow:")
            connection.trickle()
        }
        let startedAt = ContinuousClock.now
        await Transport.expect(.timeout, mayHaveBeenApplied: true, from: server.url, limits: Transport.limits(read: 2000, total: 700))
        #expect(ContinuousClock.now - startedAt < .seconds(15))
    }

    @Test func `a head that stops half-way runs into the read timeout and may have been applied`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nX-Slow:")
            connection.waitForClose()
        }
        let limits = Transport.limits(read: 300)
        await Transport.expect(.timeout, mayHaveBeenApplied: true, saying: "read timeout", from: server.url, limits: limits)
    }

    @Test func `a large call that is not read runs into the write timeout and may have been applied`() async throws {
        let server = try LoopbackServer(readsRequest: false) { $0.waitForHangUp() }
        let result = await Transport.send(server.url, limits: Transport.limits(read: 300), body: Transport.largeBody)
        guard case .failure(let failure) = result else { return _ = Issue.record("\(result)") }
        #expect(failure.kind == .timeout)
        #expect(failure.detail.contains("write timeout"))
    }

    @Test func `a body that arrives byte by byte runs into the total timeout and keeps its status`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 429 Slow\r\nContent-Length: 10000\r\n\r\n")
            connection.trickle()
        }
        let startedAt = ContinuousClock.now
        let limits = Transport.limits(read: 2000, total: 700)
        await Transport.expectReply(429, without: .timeout, saying: "total timeout", from: server.url, limits: limits)
        #expect(ContinuousClock.now - startedAt < .seconds(15))
    }

    @Test func `a call whose connection is closed before the response may have been applied`() async throws {
        let server = try LoopbackServer { _ in }
        await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
    }

    @Test func `a call whose connection is reset before the response may have been applied`() async throws {
        let server = try LoopbackServer { $0.resetOnClose() }
        await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
    }

    @Test func `after a close at any byte the status counts as soon as the header is complete`() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        let response = Array((head + "whole").utf8)
        for count in 0..<response.count {
            let server = try LoopbackServer { $0.write(Array(response[..<count])) }
            if count < head.utf8.count {
                await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
            } else {
                let body = String("whole".prefix(count - head.utf8.count))
                await Transport.expectReply(without: .connectionClosed, body: body, from: server.url)
            }
        }
    }

    @Test func `a reset in the middle of the body keeps the status`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            connection.resetOnClose()
        }
        await Transport.expectReply(without: .connectionClosed, body: "hello", from: server.url)
    }

    @Test func `a response that is larger than allowed keeps its status, and is not read to its end`() async throws {
        let announced = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000))
        }
        await Transport.expectReply(without: .responseTooLarge, from: announced.url, limits: Transport.limits(size: 1000))
        let endless = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let piece = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"
            for _ in 0..<10_000 { connection.write(piece) }
        }
        await Transport.expectReply(without: .responseTooLarge, from: endless.url)
        let unannounced = try LoopbackServer { connection in
            connection.write("HTTP/1.1 503 No\r\n\r\n" + String(repeating: "x", count: 1001))
        }
        await Transport.expectReply(503, without: .responseTooLarge, from: unannounced.url, limits: Transport.limits(size: 1000))
    }

    @Test(arguments: [
        "this is not HTTP at all\r\n\r\n", "HTTP/9.9 banana\r\n\r\n", "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}",
    ])
    func `a call with a response that is not HTTP may have been applied`(response: String) async throws {
        let server = try LoopbackServer { connection in
            connection.write(response)
            connection.waitForClose()
        }
        await Transport.expect(.invalidResponse, mayHaveBeenApplied: true, from: server.url)
    }

    @Test(arguments: [
        "Content-Length: banana\r\n\r\n{}", "Content-Length: -1\r\n\r\n{}", "Content-Length: 2, 3\r\n\r\n{}",
        "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "Content-Length: 99999999999999999999\r\n\r\n{}",
        "Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nbanana\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}",
        "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\n{}", "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        "Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}",
    ])
    func `a body with an invalid end or coding keeps its status`(rest: String) async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 202 Taken\r\nX-Id: 1\r\n" + rest)
            connection.waitForClose()
        }
        await Transport.expectReply(202, without: .invalidResponse, from: server.url)
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nX: 1\r\n", "HTTP/1.1 200 "])
    func `a header that does not end fails at its limit`(piece: String) async throws {
        let server = try LoopbackServer { connection in
            let isLines = piece.utf8.last == 10
            if !isLines || piece.contains("200") { connection.write(piece) }
            let rest = isLines ? (piece.contains("100") ? piece : "X: 1\r\n") : "x"
            connection.write(String(repeating: rest, count: (1 << 20) / rest.utf8.count))
            connection.waitForClose()
        }
        await Transport.expect(.invalidResponse, mayHaveBeenApplied: true, saying: "larger than allowed", from: server.url)
    }

    @Test func `a call to a server that does not speak TLS was not applied`() async throws {
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
        await Transport.expect(.tls, mayHaveBeenApplied: false, from: "https://127.0.0.1:\(server.port)/")
    }

    @Test func `only failures before the call was sent mean that it was not applied`() {
        let before: [TransportFailure.Kind] = [.connectionRefused, .connectTimeout, .nameResolution, .tls, .invalidRequest]
        let after: [TransportFailure.Kind] = [.connectionClosed, .timeout, .responseTooLarge, .invalidResponse, .cancelled, .other]
        for kind in before { #expect(!TransportFailure(kind, detail: "").mayHaveBeenApplied, "\(kind)") }
        for kind in after { #expect(TransportFailure(kind, detail: "").mayHaveBeenApplied, "\(kind)") }
    }
}
