import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// Where the network drops every attempt to connect, each call waits for its own connect timeout: not less because others have waited
/// before, and not more because others are ahead of it.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ConnectTimeoutTests {
    private typealias Transport = NetworkTransportTests

    private static let connectTimeout = Duration.milliseconds(400)

    private func transport(connections: Int) -> NetworkTransport {
        var limits = Transport.limits(connect: Self.connectTimeout.milliseconds)
        limits.connections = connections
        return NetworkTransport(limits)
    }

    private struct End: Sendable {
        var failure: TransportFailure?
        var took: Duration
        /// Another half of a connect timeout had passed as well.
        var isLate: Bool
    }

    /// Starts calls, each after a pause, and expects each to wait for its own connect timeout.
    ///
    /// The loop of the transport starts them and has a second timer for each, half a connect timeout later. A loop runs its timers in the
    /// order of their deadlines, so a busy machine makes no call late.
    private func expectOwnTimeouts(after pauses: [Duration], to url: String, over transport: NetworkTransport) async throws {
        let loop = transport.loop
        let promises = pauses.map { _ in loop.makePromise(of: End.self) }
        for (pause, promise) in zip(pauses, promises) {
            loop.scheduleTask(in: pause.timeAmount) {
                let isLate = NIOLoopBoundBox(false, eventLoop: loop)
                let startedAt = NIODeadline.now()
                _ = transport.start(Transport.call(url)) { result in
                    let took = Duration.nanoseconds((NIODeadline.now() - startedAt).nanoseconds)
                    var failure: TransportFailure?
                    if case .failure(let reason) = result { failure = reason }
                    promise.succeed(End(failure: failure, took: took, isLate: isLate.value))
                }
                loop.scheduleTask(in: (Self.connectTimeout + Self.connectTimeout / 2).timeAmount) { isLate.value = true }
            }
        }
        let ends = try await EventLoopFuture.whenAllSucceed(promises.map(\.futureResult), on: loop).get()
        for (index, end) in ends.enumerated() {
            #expect(end.failure?.kind == .connectTimeout, "call \(index): \(end.failure?.detail ?? "a response")")
            #expect(end.took >= Self.connectTimeout - .milliseconds(5), "call \(index) after \(end.took)")
            #expect(!end.isLate, "call \(index) after \(end.took)")
        }
    }

    @Test(arguments: [1, 3, 20])
    func `calls that start together end together, however few connections are allowed`(connections: Int) async throws {
        try await LoopbackServer.withFullQueue { url in
            let transport = transport(connections: connections)
            try await expectOwnTimeouts(after: Array(repeating: .zero, count: 20), to: url, over: transport)
            await transport.shutdown()
        }
    }

    @Test(arguments: [1, 3, 20])
    func `a call that starts shortly before another's attempt ends still has its whole connect timeout`(connections: Int) async throws {
        try await LoopbackServer.withFullQueue { url in
            let transport = transport(connections: connections)
            try await expectOwnTimeouts(after: (0..<10).map { .milliseconds(75 * $0) }, to: url, over: transport)
            await transport.shutdown()
        }
    }

    @Test func `a call after others have failed has its whole connect timeout`() async throws {
        try await LoopbackServer.withFullQueue { url in
            let transport = transport(connections: 2)
            for _ in 0..<2 {
                try await expectOwnTimeouts(after: [.zero, .milliseconds(150), .milliseconds(300)], to: url, over: transport)
            }
            await transport.shutdown()
        }
    }

    @Test func `the total timeout ends a call, even if it is shorter than the rest of the connect timeout`() async throws {
        try await LoopbackServer.withFullQueue { url in
            let startedAt = ContinuousClock.now
            let limits = Transport.limits(connect: 30_000, total: 300)
            await Transport.expect(.connectTimeout, mayHaveBeenApplied: false, saying: "total timeout", from: url, limits: limits)
            #expect(ContinuousClock.now - startedAt < .seconds(8))
        }
    }

    @Test func `a connection that is not made in time is a connect timeout, however long the first byte may take`() async throws {
        try await LoopbackServer.withFullQueue { url in
            let startedAt = ContinuousClock.now
            let limits = Transport.limits(connect: 300, firstByte: 30_000, read: 30_000)
            await Transport.expect(.connectTimeout, mayHaveBeenApplied: false, from: url, limits: limits)
            #expect(ContinuousClock.now - startedAt < .seconds(15))
        }
    }

    @Test func `a TLS handshake without a response ends with the connect timeout and was not applied`() async throws {
        let server = try LoopbackServer(readsRequest: false) { $0.waitForClose() }
        let url = "https://127.0.0.1:\(server.port)/"
        await Transport.expect(.connectTimeout, mayHaveBeenApplied: false, from: url, limits: Transport.limits(connect: 400))
    }
}
