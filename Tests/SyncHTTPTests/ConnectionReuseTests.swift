import Dispatch
import SyncCore
import Testing

@testable import SyncHTTP

/// Which connections are reused, and what happens when the other side has closed one meanwhile.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConnectionReuseTests {
    private typealias Transport = NetworkTransportTests
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    private func transport(connections: Int = 8, idle: Duration = .seconds(20), age: Duration = .minutes(3)) -> NetworkTransport {
        var limits = Transport.limits()
        limits.connections = connections
        var pool = ConnectionPool.Limits(limits)
        pool.longestIdle = idle
        pool.longestAge = age
        return NetworkTransport(limits, pool: pool)
    }

    /// Makes calls, some at the same time, and counts the statuses and failures.
    private func calls(_ count: Int, to url: String, over transport: NetworkTransport, atOnce: Int = 8) async -> [String: Int] {
        await withTaskGroup(of: [String: Int].self) { group in
            for worker in 0..<atOnce {
                group.addTask {
                    var seen: [String: Int] = [:]
                    for _ in stride(from: worker, to: count, by: atOnce) {
                        switch await Transport.send(Transport.call(url), over: transport) {
                        case .success(let reply): seen["\(reply.status)", default: 0] += 1
                        case .failure(let failure): seen[failure.detail, default: 0] += 1
                        }
                    }
                    return seen
                }
            }
            return await group.reduce(into: [:]) { all, seen in all.merge(seen, uniquingKeysWith: +) }
        }
    }

    @Test func `every call gets its response from a server that closes after each one without announcing it`() async throws {
        let server = try LoopbackServer { $0.write(Self.ok) }
        let transport = transport()
        #expect(await calls(400, to: server.url, over: transport) == ["200": 400])
        await transport.shutdown()
    }

    @Test func `every call gets its response from a server that resets after each one without announcing it`() async throws {
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            // The response has to arrive before the reset.
            connection.readSome()
            connection.resetOnClose()
        }
        let transport = transport()
        #expect(await calls(100, to: server.url, over: transport) == ["200": 100])
        await transport.shutdown()
    }

    @Test func `a call on a reused connection that is closed before a byte of the response is repeated once, on a new one`() async throws {
        let first = Once()
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            guard first.isFirst() else { return connection.waitForClose() }
            connection.readRequest()
        }
        let transport = transport()
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        #expect(server.connectionCount == 2)
        await transport.shutdown()
    }

    @Test func `a call is not repeated after a byte of a response, or if the new connection fails as well`() async throws {
        for (response, connections) in [("H", 1), ("HTTP/1.1 100 Continue\r\n\r\n", 1), ("", 2)] {
            let first = Once()
            let server = try LoopbackServer { connection in
                guard first.isFirst() else { return }
                connection.write(Self.ok)
                connection.readRequest()
                connection.write(response)
            }
            let transport = transport()
            #expect(try await transport.send(Transport.call(server.url)).status == 200)
            guard case .failure(let failure) = await Transport.send(Transport.call(server.url), over: transport) else {
                return _ = Issue.record("a response came")
            }
            #expect(failure.kind == .connectionClosed)
            #expect(server.connectionCount == connections, "\(response)")
            await transport.shutdown()
        }
    }

    @Test func `a call whose repetition is refused may have been applied by the first attempt`() async throws {
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            connection.readRequest()
            connection.stopListening()
        }
        let transport = transport()
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        guard case .failure(let failure) = await Transport.send(Transport.call(server.url), over: transport) else {
            return _ = Issue.record("a response came")
        }
        #expect(failure.mayHaveBeenApplied, "\(failure.kind): \(failure.detail)")
        await transport.shutdown()
    }

    @Test(arguments: [200, 409, 429, 503])
    func `the response to a repetition says that the first attempt may have been applied`(status: Int) async throws {
        let first = Once()
        let server = try LoopbackServer { connection in
            guard first.isFirst() else {
                connection.write("HTTP/1.1 \(status) X\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}")
                return connection.waitForClose()
            }
            connection.write(Self.ok)
            connection.readRequest()
        }
        let transport = transport()
        #expect(try await Transport.send(Transport.call(server.url), over: transport).get().mayHaveBeenAppliedBefore == false)
        let reply = try await Transport.send(Transport.call(server.url), over: transport).get()
        #expect(reply.status == status)
        #expect(reply.mayHaveBeenAppliedBefore)
        #expect(server.connectionCount == 2)
        await transport.shutdown()
    }

    @Test func `a timeout on a reused connection is not repeated`() async throws {
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            connection.waitForClose()
        }
        let transport = NetworkTransport(Transport.limits(firstByte: 300))
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        guard case .failure(let failure) = await Transport.send(Transport.call(server.url), over: transport) else {
            return _ = Issue.record("a response came")
        }
        #expect(failure.kind == .timeout)
        #expect(server.connectionCount == 1)
        await transport.shutdown()
    }

    @Test func `connections are kept, and never more than the limit are open`() async throws {
        let server = try LoopbackServer.answering()
        let transport = transport(connections: 3)
        #expect(await calls(200, to: server.url, over: transport, atOnce: 20) == ["200": 200])
        #expect(server.connectionCount == 3)
        await transport.shutdown()
    }

    @Test func `a connection is renewed under steady traffic`() async throws {
        let server = try LoopbackServer.answering()
        let transport = transport(age: .milliseconds(40))
        let deadline = ContinuousClock.now + .seconds(8)
        var count = 0
        while server.connectionCount < 4, ContinuousClock.now < deadline {
            #expect(try await transport.send(Transport.call(server.url)).status == 200)
            count += 1
        }
        #expect(server.connectionCount >= 4)
        #expect(count > server.connectionCount, "a connection serves more than one call")
        await transport.shutdown()
    }

    @Test func `an idle connection is closed in time`() async throws {
        let closed = Signal()
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            connection.waitForClose()
            closed.send()
        }
        let transport = transport(idle: .milliseconds(50))
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        await closed.wait()
        await transport.shutdown()
    }

    @Test(arguments: [
        "Connection: close\r\nContent-Length: 2\r\n\r\n{}", "Content-Length: 2\r\n\r\n{}garbage",
        "Content-Length: 2\r\n\r\n{}HTTP/1.1 500 Not asked for\r\nContent-Length: 0\r\n\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ])
    func `a connection is not reused if it is to be closed, or if bytes arrive beyond the response`(rest: String) async throws {
        let server = try LoopbackServer { connection in
            connection.write("HTTP/1.1 200 OK\r\n" + rest)
            connection.waitForClose()
        }
        let transport = transport()
        for _ in 0..<3 { #expect(try await Transport.send(Transport.call(server.url), over: transport).get().status == 200) }
        #expect(server.connectionCount == 3)
        await transport.shutdown()
    }

    @Test func `bytes without a call close an idle connection and are not taken for the next response`() async throws {
        let closed = Signal()
        let isTaken = DispatchSemaphore(value: 0)
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            isTaken.wait()
            connection.write("HTTP/1.1 408 Too slow\r\nContent-Length: 0\r\n\r\n")
            connection.waitForClose()
            closed.send()
        }
        let transport = transport()
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        isTaken.signal()
        await closed.wait()
        #expect(try await transport.send(Transport.call(server.url)).status == 200)
        #expect(server.connectionCount == 2)
        isTaken.signal()
        await transport.shutdown()
    }

    @Test func `an HTTP/1.0 server and a body that ends with its connection are supported`() async throws {
        for version in ["1.0", "1.1"] {
            let server = try LoopbackServer { $0.write("HTTP/\(version) 200 OK\r\n\r\n{\"until\":\"close\"}") }
            let reply = try await Transport.send(server.url).get()
            #expect(reply.body == Array("{\"until\":\"close\"}".utf8))
            #expect(reply.bodyFailure == nil)
        }
        let kept = try LoopbackServer.answering("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}")
        let transport = transport()
        for _ in 0..<3 { #expect(try await transport.send(Transport.call(kept.url)).status == 200) }
        #expect(kept.connectionCount == 1)
        await transport.shutdown()
    }
}
