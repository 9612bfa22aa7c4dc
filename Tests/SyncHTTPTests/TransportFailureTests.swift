import Glibc
import Sandbox
import SyncCore
import SyncHTTP
import Testing

/// Every way not to get an answer has its kind, and says whether the remote may have applied the call all the same.
@Suite(.serialized) struct TransportFailureTests {
    private typealias Transport = NetworkTransportTests

    @Test func `connection refused: not applied`() async throws {
        let port = try LoopbackServer.closedPort()
        await Transport.expect(.connectionRefused, mayHaveBeenApplied: false, from: "http://127.0.0.1:\(port)/")
    }

    @Test func `a name that does not resolve: not applied`() async throws {
        await Transport.expect(.nameResolution, mayHaveBeenApplied: false, from: "http://does-not-exist.invalid/")
    }

    /// Each of the two silences with the other one far longer: neither may stand in for the other.
    @Test(arguments: [(300, 5000), (300, 300), (600, 300)])
    func `no byte of the answer within the first-byte timeout: may be applied`(firstByte: Int64, read: Int64) async throws {
        let server = try LoopbackServer { $0.waitForClose() }
        let startedAt = ContinuousClock.now
        let limits = Transport.limits(connect: 500, firstByte: firstByte, read: read)
        await Transport.expect(.timeout, mayHaveBeenApplied: true, saying: "first-byte timeout", from: server.url, limits: limits)
        let took = ContinuousClock.now - startedAt
        #expect(took >= .milliseconds(firstByte) && took < .seconds(4))
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [(5000, 300), (300, 300), (300, 900)])
    func `a body that stops half-way runs into the read timeout: may be applied`(firstByte: Int64, read: Int64) async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":")
            connection.waitForClose()
        }
        let startedAt = ContinuousClock.now
        let limits = Transport.limits(connect: 500, firstByte: firstByte, read: read)
        await Transport.expect(.timeout, mayHaveBeenApplied: true, saying: "read timeout", from: server.url, limits: limits)
        let took = ContinuousClock.now - startedAt
        #expect(took >= .milliseconds(read) && took < .seconds(4))
    }

    @Test func `a body that pauses for less than the read timeout is waited for, however long it takes within the total`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
            for _ in 0..<8 {
                usleep(100_000)
                connection.write("x")
            }
        }
        for firstByte in [Int64(300), 5000] {
            let reply = try await Transport.send(server.url, limits: Transport.limits(firstByte: firstByte, read: 500)).get()
            #expect(reply.body.count == 8)
        }
    }

    @Test func `no connection in time is a matter of the connect timeout, however long the first byte may take`() async throws {
        try await LoopbackServer.withFullQueue { url in
            let startedAt = ContinuousClock.now
            let limits = Transport.limits(connect: 300, firstByte: 5000, read: 5000)
            await Transport.expect(.connectTimeout, mayHaveBeenApplied: false, from: url, limits: limits)
            #expect(ContinuousClock.now - startedAt < .seconds(4))
        }
    }

    @Test func `an answer whose head never ends runs into the total timeout: may be applied`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nX-Slow:")
            connection.trickle()
        }
        let startedAt = ContinuousClock.now
        await Transport.expect(.timeout, mayHaveBeenApplied: true, from: server.url, limits: Transport.limits(read: 2000, total: 700))
        #expect(ContinuousClock.now - startedAt < .seconds(5))
    }

    @Test func `a body that comes byte by byte runs into the total timeout: may be applied`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
            connection.trickle()
        }
        let startedAt = ContinuousClock.now
        await Transport.expect(.timeout, mayHaveBeenApplied: true, from: server.url, limits: Transport.limits(read: 2000, total: 700))
        #expect(ContinuousClock.now - startedAt < .seconds(5))
    }

    @Test func `closed before the answer: may be applied`() async throws {
        let server = try LoopbackServer { _ in }
        await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
    }

    @Test func `reset before the answer: may be applied`() async throws {
        let server = try LoopbackServer { $0.resetOnClose() }
        await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
    }

    @Test func `closed in the middle of the answer: may be applied`() async throws {
        for answer in ["HTTP/1.1 200 O", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":"] {
            let server = try LoopbackServer { $0.write(answer) }
            await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
        }
    }

    @Test func `reset in the middle of the answer: may be applied`() async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            connection.resetOnClose()
        }
        await Transport.expect(.connectionClosed, mayHaveBeenApplied: true, from: server.url)
    }

    @Test func `an answer that is larger than allowed: may be applied, and is not read to its end`() async throws {
        let announced = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + String(repeating: "x", count: 5000))
        }
        await Transport.expect(.responseTooLarge, mayHaveBeenApplied: true, from: announced.url, limits: Transport.limits(size: 1000))
        let endless = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            let piece = "1000\r\n" + String(repeating: "x", count: 0x1000) + "\r\n"
            for _ in 0..<10_000 { connection.write(piece) }
        }
        await Transport.expect(.responseTooLarge, mayHaveBeenApplied: true, from: endless.url)
    }

    @Test(arguments: [
        "this is no HTTP at all\r\n\r\n", "HTTP/9.9 banana\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: banana\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}",
    ])
    func `an answer that is no HTTP: may be applied`(answer: String) async throws {
        let server = try LoopbackServer { connection in
            connection.write(answer)
            connection.waitForClose()
        }
        await Transport.expect(.invalidResponse, mayHaveBeenApplied: true, from: server.url)
    }

    @Test func `TLS that nobody speaks on the other side: not applied`() async throws {
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
        await Transport.expect(.tls, mayHaveBeenApplied: false, from: "https://127.0.0.1:\(server.port)/")
    }

    @Test func `a TLS handshake that nobody answers runs into the connect timeout: not applied`() async throws {
        let server = try LoopbackServer(readsRequest: false) { $0.waitForClose() }
        let url = "https://127.0.0.1:\(server.port)/"
        await Transport.expect(.connectTimeout, mayHaveBeenApplied: false, from: url, limits: Transport.limits(connect: 400))
    }

    @Test func `a call in flight at a shutdown is cancelled: may be applied`() async throws {
        let server = try LoopbackServer { $0.waitForClose() }
        let transport = NetworkTransport(Transport.limits())
        let failure = Task { () async -> TransportFailure? in
            do throws(TransportFailure) { _ = try await transport.send(Transport.call(server.url)) } catch { return error }
            return nil
        }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        await transport.shutdown()
        let found = try #require(await failure.value)
        #expect(found.kind == .cancelled, "\(found.kind): \(found.detail)")
        #expect(found.mayHaveBeenApplied)
    }

    @Test func `a cancelled task ends its call at once`() async throws {
        let server = try LoopbackServer { $0.waitForClose() }
        let transport = NetworkTransport(Transport.limits())
        let failure = Task { () async -> TransportFailure? in
            do throws(TransportFailure) { _ = try await transport.send(Transport.call(server.url)) } catch { return error }
            return nil
        }
        while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        let cancelledAt = ContinuousClock.now
        failure.cancel()
        let found = try #require(await failure.value)
        #expect(found.kind == .cancelled, "\(found.kind): \(found.detail)")
        #expect(ContinuousClock.now - cancelledAt < .seconds(3))
        await transport.shutdown()
    }

    @Test func `only failures before the call was sent say that it was not applied`() {
        let before: [TransportFailure.Kind] = [.connectionRefused, .connectTimeout, .nameResolution, .tls]
        let after: [TransportFailure.Kind] = [.connectionClosed, .timeout, .responseTooLarge, .invalidResponse, .cancelled, .other]
        for kind in before { #expect(!TransportFailure(kind, detail: "").mayHaveBeenApplied, "\(kind)") }
        for kind in after { #expect(TransportFailure(kind, detail: "").mayHaveBeenApplied, "\(kind)") }
    }
}
