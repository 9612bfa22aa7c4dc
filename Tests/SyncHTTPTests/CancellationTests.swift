import SyncCore
import Testing

@testable import SyncHTTP

/// A call ends with the task that waits for it, and with the transport.
@Suite(.serialized, .timeLimit(.minutes(2))) struct CancellationTests {
    private typealias Transport = NetworkTransportTests

    @Test func `a call in flight during a shutdown is cancelled and may have been applied`() async throws {
        let server = try LoopbackServer { $0.waitForClose() }
        let transport = NetworkTransport(Transport.limits())
        let failure = Task { () async -> TransportFailure? in
            do throws(TransportFailure) { _ = try await transport.send(Transport.call(server.url)) } catch { return error }
            return nil
        }
        await server.hasRequest.wait()
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
        await server.hasRequest.wait()
        let cancelledAt = ContinuousClock.now
        failure.cancel()
        let found = try #require(await failure.value)
        #expect(found.kind == .cancelled, "\(found.kind): \(found.detail)")
        #expect(ContinuousClock.now - cancelledAt < .seconds(15))
        await transport.shutdown()
    }

    @Test func `a call that waits for a connection is cancelled by its task and by a shutdown`() async throws {
        try await LoopbackServer.withFullQueue { url in
            for isShutdown in [false, true] {
                let transport = NetworkTransport(Transport.limits(connect: 30_000))
                let task = Task { () async -> TransportFailure? in
                    do throws(TransportFailure) { _ = try await transport.send(Transport.call(url)) } catch { return error }
                    return nil
                }
                let startedAt = ContinuousClock.now
                if isShutdown { await transport.shutdown() } else { task.cancel() }
                #expect(await task.value == .cancelledUnsent)
                #expect(ContinuousClock.now - startedAt < .seconds(15))
                await transport.shutdown()
                guard case .failure(let late) = await Transport.send(Transport.call(url), over: transport) else {
                    return _ = Issue.record("a response came")
                }
                #expect(late == .cancelledUnsent)
                #expect(!late.mayHaveBeenApplied)
            }
        }
    }
}
