import Dispatch
import Fixtures
import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// A call that was started from the event loop is cancelled there: it ends once, whatever state it was in.
@Suite(.serialized, .timeLimit(.minutes(2))) struct LoopCancelTests {
    private typealias Transport = NetworkTransportTests
    private static let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    private func caller(connections: Int = 8) -> LoopCaller {
        var limits = Transport.limits(connect: 8000, firstByte: 8000, read: 8000, total: 9000)
        limits.connections = connections
        return LoopCaller(NetworkTransport(limits))
    }

    /// Starts a call, cancels it twice when it has reached the given state, and expects that it ends at once and only once.
    /// - Returns: how it ended.
    @discardableResult
    private func cancelled(
        _ call: HTTPCall, over caller: LoopCaller, when hasComeSoFar: Signal? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> TransportFailure? {
        let startedAt = ContinuousClock.now
        let handle = try await caller.onLoop { caller.start(0, call) }
        await hasComeSoFar?.wait()
        try await caller.onLoop {
            caller.transport.cancel(handle)
            caller.transport.cancel(handle)
        }
        await caller.waitForEnds()
        try await caller.onLoop { caller.transport.cancel(handle) }
        let (results, isAlwaysOnLoop) = try await caller.finish()
        #expect(ContinuousClock.now - startedAt < .seconds(5), sourceLocation: sourceLocation)
        #expect(isAlwaysOnLoop, sourceLocation: sourceLocation)
        #expect(results[0]?.count == 1, sourceLocation: sourceLocation)
        guard case .failure(let failure) = results[0]?.first else { return nil }
        return failure
    }

    @Test func `a call is cancelled in the turn in which it was started`() async throws {
        let server = try LoopbackServer.answering()
        let caller = caller()
        try await caller.onLoop { caller.transport.cancel(caller.start(0, Transport.call(server.url))) }
        await caller.waitForEnds()
        let result = try #require(try await caller.finish().results[0])
        #expect(result == [.failure(.cancelledUnsent)])
    }

    @Test func `a call is cancelled while its host name is looked up`() async throws {
        let isAsked = Signal()
        let isReleased = DispatchSemaphore(value: 0)
        let limits = Transport.limits(connect: 8000)
        let transport = NetworkTransport(limits, pool: ConnectionPool.Limits(limits)) { _ in
            isAsked.send()
            isReleased.wait()
            return []
        }
        let failure = try await cancelled(Transport.call("http://remote.example.com/"), over: LoopCaller(transport), when: isAsked)
        #expect(failure == .cancelledUnsent)
        isReleased.signal()
    }

    @Test func `a call is cancelled while a connection is made, and while it waits for one`() async throws {
        try await LoopbackServer.withFullQueue { url in
            #expect(try await cancelled(Transport.call(url), over: caller()) == .cancelledUnsent)
            let caller = caller(connections: 1)
            try await caller.onLoop { _ = caller.start(1, Transport.call(url)) }
            #expect(try await cancelled(Transport.call(url), over: caller) == .cancelledUnsent)
        }
    }

    @Test func `a call is cancelled during the TLS handshake`() async throws {
        let hasBegun = Signal()
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.readSome()
            hasBegun.send()
            connection.waitForClose()
        }
        let call = Transport.call("https://127.0.0.1:\(server.port)/")
        #expect(try await cancelled(call, over: caller(), when: hasBegun) == .cancelledUnsent)
    }

    @Test func `a call is cancelled while it is written`() async throws {
        let hasBegun = Signal()
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.readSome()
            hasBegun.send()
            connection.waitForHangUp()
        }
        let call = Transport.call(server.url, body: Transport.largeBody)
        let failure = try #require(try await cancelled(call, over: caller(), when: hasBegun))
        #expect(failure == .cancelled)
        #expect(failure.mayHaveBeenApplied)
    }

    @Test func `a call is cancelled while it waits for its response, on a new connection and on a reused one`() async throws {
        for isRepeated in [false, true] {
            let first = Once()
            let hasRequest = Signal()
            let server = try LoopbackServer { connection in
                if isRepeated, first.isFirst() {
                    connection.write(Self.ok)
                    connection.readRequest()
                    return
                }
                hasRequest.send()
                connection.waitForClose()
            }
            let caller = caller()
            if isRepeated { #expect(try await caller.transport.send(Transport.call(server.url)).status == 200) }
            #expect(try await cancelled(Transport.call(server.url), over: caller, when: hasRequest) == .cancelled)
            #expect(server.connectionCount == (isRepeated ? 2 : 1))
        }
    }

    @Test func `a call that is cancelled while it waits to be repeated may have been applied by the first attempt`() async throws {
        let isRepeating = Signal()
        let isReleased = DispatchSemaphore(value: 0)
        let server = try LoopbackServer { connection in
            connection.write(Self.ok)
            connection.readRequest()
        }
        let first = Once()
        let limits = Transport.limits(connect: 8000)
        // The second connection waits for the name.
        let transport = NetworkTransport(limits, pool: ConnectionPool.Limits(limits)) { origin in
            if first.isFirst() { return NameLookup.system(origin) }
            isRepeating.send()
            isReleased.wait()
            return []
        }
        let url = "http://localhost:\(server.port)/path"
        #expect(try await transport.send(Transport.call(url)).status == 200)
        let failure = try #require(try await cancelled(Transport.call(url), over: LoopCaller(transport), when: isRepeating))
        #expect(failure == .cancelled)
        #expect(failure.mayHaveBeenApplied)
        isReleased.signal()
    }

    @Test func `cancelling a call that has ended has no effect on its response and its connection`() async throws {
        let server = try LoopbackServer.answering()
        let caller = caller()
        let handle = try await caller.onLoop { caller.start(0, Transport.call(server.url)) }
        await caller.waitForEnds()
        try await caller.onLoop { caller.transport.cancel(handle) }
        // The connection carries the next call.
        try await caller.onLoop { _ = caller.start(1, Transport.call(server.url)) }
        await caller.waitForEnds()
        let results = try await caller.finish().results
        #expect(try results[0]?.map { try $0.get().status } == [200])
        #expect(try results[1]?.map { try $0.get().status } == [200])
        #expect(server.connectionCount == 1)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `each of many calls that are cancelled at any time ends once`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let server = try LoopbackServer.answering()
        let caller = caller(connections: Int.random(in: 1...4, using: &random))
        let delays = (0..<200).map { _ in Int64.random(in: 0...30_000, using: &random) }
        try await caller.onLoop {
            let loop = caller.transport.loop.assumeIsolated()
            for (number, delay) in delays.enumerated() {
                let handle = caller.start(number, Transport.call(server.url))
                loop.scheduleTask(in: .microseconds(delay)) { caller.transport.cancel(handle) }
            }
        }
        await caller.waitForEnds(200)
        let results = try await caller.finish().results
        #expect(results.count == 200)
        for (number, result) in results {
            #expect(result.count == 1, "seed \(seed), call \(number)")
            if case .failure(let failure) = result[0] { #expect(failure.kind == .cancelled, "seed \(seed), call \(number)") }
        }
    }
}
