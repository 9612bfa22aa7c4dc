import SyncCore
import Testing

@testable import SyncHTTP

/// Where the network drops every attempt to connect, each call waits for its own connect timeout: not less because others have waited
/// before, and not more because others are ahead of it.
@Suite(.serialized) struct ConnectTimeoutTests {
    private typealias Transport = NetworkTransportTests

    private static let connectTimeout = Duration.milliseconds(800)
    /// How much later than due a call may end on a busy machine. Less than the connect timeout, so that waiting for two attempts in a row
    /// fails the test.
    private static let delay = Duration.milliseconds(750)

    private func transport(connections: Int) -> NetworkTransport {
        var limits = Transport.limits(connect: Self.connectTimeout.milliseconds)
        limits.connections = connections
        return NetworkTransport(limits)
    }

    /// Makes calls, each with a pause before it, and returns how they ended and how long each took.
    private func calls(
        after pauses: [Duration], to url: String, over transport: NetworkTransport
    ) async -> [(failure: TransportFailure?, took: Duration)] {
        await withTaskGroup(of: (Int, TransportFailure?, Duration).self) { group in
            for (index, pause) in pauses.enumerated() {
                group.addTask {
                    // The test depends on the times at which the calls begin. A cancelled pause only ends the test sooner.
                    try? await Task.sleep(for: pause)
                    let startedAt = ContinuousClock.now
                    let result = await Transport.send(Transport.call(url), over: transport)
                    let took = ContinuousClock.now - startedAt
                    guard case .failure(let failure) = result else { return (index, nil, took) }
                    return (index, failure, took)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map { ($0.1, $0.2) }
        }
    }

    private func expectOwnTimeout(_ ends: [(failure: TransportFailure?, took: Duration)]) {
        for (index, end) in ends.enumerated() {
            #expect(end.failure?.kind == .connectTimeout, "call \(index): \(end.failure?.detail ?? "a response")")
            #expect(end.took >= Self.connectTimeout - .milliseconds(5), "call \(index) after \(end.took)")
            #expect(end.took < Self.connectTimeout + Self.delay, "call \(index) after \(end.took)")
        }
    }

    @Test(arguments: [1, 3, 20])
    func `calls that start together end together, however few connections are allowed`(connections: Int) async throws {
        try await LoopbackServer.withFullQueue { url in
            let transport = transport(connections: connections)
            expectOwnTimeout(await calls(after: Array(repeating: .zero, count: 20), to: url, over: transport))
            await transport.shutdown()
        }
    }

    @Test(arguments: [1, 3, 20])
    func `a call that starts shortly before another's attempt ends still has its whole connect timeout`(connections: Int) async throws {
        try await LoopbackServer.withFullQueue { url in
            let transport = transport(connections: connections)
            expectOwnTimeout(await calls(after: (0..<10).map { .milliseconds(150 * $0) }, to: url, over: transport))
            await transport.shutdown()
        }
    }

    @Test func `a call after others have failed has its whole connect timeout`() async throws {
        try await LoopbackServer.withFullQueue { url in
            let transport = transport(connections: 2)
            for _ in 0..<2 {
                expectOwnTimeout(await calls(after: [.zero, .milliseconds(300), .milliseconds(600)], to: url, over: transport))
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
