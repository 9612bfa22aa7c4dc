import Dispatch
import FoundationEssentials
import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// Calls that are started from the transport's event loop.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LoopCallTests {
    private typealias Transport = NetworkTransportTests

    private func caller(connections: Int = 8, on loop: any EventLoop = NetworkTransport.loops.next()) -> LoopCaller {
        var limits = Transport.limits()
        limits.connections = connections
        return LoopCaller(NetworkTransport(limits, on: loop))
    }

    @Test func `a completion is called once, on the given loop, after start has returned`() async throws {
        let server = try LoopbackServer.answering()
        let loop = NetworkTransport.loops.next()
        let caller = caller(on: loop)
        #expect(caller.transport.loop === loop)
        try await caller.onLoop {
            for (number, url) in [server.url, "not a URL", "http://127.0.0.1:0/"].enumerated() {
                var hasReturned = false
                caller.start(number, Transport.call(url)) { _ in #expect(hasReturned, "call \(number)") }
                hasReturned = true
            }
        }
        await caller.waitForEnds(3)
        let (results, isAlwaysOnLoop) = try await caller.finish()
        #expect(isAlwaysOnLoop)
        #expect(results.mapValues(\.count) == [0: 1, 1: 1, 2: 1])
        #expect(try results[0]?.first?.get().status == 200)
        #expect(throws: TransportFailure.self) { try results[1]?.first?.get() }
        #expect(throws: TransportFailure.self) { try results[2]?.first?.get() }
    }

    @Test func `a completion may start the next call, which reuses the connection`() async throws {
        let server = try LoopbackServer.answering()
        let caller = caller()
        @Sendable func start(_ number: Int) {
            caller.start(number, Transport.call(server.url)) { _ in if number < 50 { start(number + 1) } }
        }
        try await caller.onLoop { start(1) }
        await caller.waitForEnds(50)
        let results = try await caller.finish().results
        #expect(results.count == 50)
        #expect(try results.values.allSatisfy { try $0.count == 1 && $0[0].get().status == 200 })
        #expect(server.connectionCount == 1)
    }

    @Test func `a compressed response arrives decoded`() async throws {
        let body = Array(try #require(Data(base64Encoded: ContentCodingTests.fixed)))
        let server = try LoopbackServer { connection in
            let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: \(body.count)\r\n\r\n"
            connection.write(Array(head.utf8) + body)
        }
        let caller = caller()
        try await caller.onLoop { _ = caller.start(0, Transport.call(server.url)) }
        await caller.waitForEnds()
        let reply = try #require(try await caller.finish().results[0]?.first).get()
        #expect(String(decoding: reply.body, as: UTF8.self).hasPrefix("{\"id\":\"c1\""))
    }

    @Test func `a shutdown ends every call once, and no call is made after it`() async throws {
        let server = try LoopbackServer { $0.waitForClose() }
        let caller = caller(connections: 1)
        try await caller.onLoop {
            for number in 0..<3 { caller.start(number, Transport.call(server.url)) }
        }
        await server.hasRequest.wait()
        try await caller.onLoop {
            caller.transport.shutDown()
            caller.start(3, Transport.call(server.url))
            caller.transport.shutDown()
        }
        await caller.waitForEnds(4)
        let results = try await caller.finish().results
        #expect(results.count == 4)
        for result in results.values {
            guard result.count == 1, case .failure(let failure) = result[0] else { return _ = Issue.record("\(result)") }
            #expect(failure.kind == .cancelled)
        }
        #expect(server.requests.count == 1)
    }

    @Test func `a slow name lookup delays no other transport of the loop`() async throws {
        let isReleased = DispatchSemaphore(value: 0)
        let lookups = Counter()
        let server = try LoopbackServer.answering()
        let limits = Transport.limits(connect: 400)
        let hanging = LoopCaller(
            NetworkTransport(limits, pool: ConnectionPool.Limits(limits)) { _ in
                lookups.increase()
                isReleased.wait()
                isReleased.signal()
                return []
            })
        let caller = caller(on: hanging.transport.loop)
        try await hanging.onLoop {
            for number in 0..<5 { hanging.start(number, Transport.call("http://remote.example.com/")) }
            for number in 0..<20 { caller.start(number, Transport.call(server.url)) }
        }
        await caller.waitForEnds(20)
        await hanging.waitForEnds(5)
        // Nothing is queued behind the lookup that is still in progress.
        isReleased.signal()
        try await hanging.onLoop { _ = hanging.start(5, Transport.call("http://remote.example.com/")) }
        await hanging.waitForEnds()
        #expect(lookups.count <= 2)
        for (number, result) in try await hanging.finish().results {
            guard result.count == 1, case .failure(let failure) = result[0] else { return _ = Issue.record("\(result)") }
            #expect(failure.kind == (number < 5 ? .connectTimeout : .nameResolution))
        }
        for result in try await caller.finish().results.values { #expect(try result.count == 1 && result[0].get().status == 200) }
    }
}
