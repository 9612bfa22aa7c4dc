import Foundation
import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

@Suite(.timeLimit(.minutes(1))) struct DatabaseWatchTests {
    @Test func `a commit by somebody else is detected at once, and one of our own is not`() async throws {
        let scenario = try DaemonScenario()
        let (commits, committed) = AsyncStream.makeStream(of: Void.self)
        let watch = DatabaseWatch(scenario.store) { committed.yield() }
        #expect(await watch.start())
        try scenario.write("UPDATE conversations SET title = 'one'")
        var iterator = commits.makeAsyncIterator()
        await iterator.next()
        _ = try await scenario.store.start(.current(), for: scenario.configuration.parties, SystemClock.time())
        let startedAt = ContinuousClock.now
        try scenario.write("UPDATE conversations SET title = 'two'")
        await iterator.next()
        #expect(ContinuousClock.now - startedAt < .milliseconds(900), "without a hint it takes a second")
        await watch.stop()
        try scenario.write("UPDATE conversations SET title = 'three'")
        committed.finish()
        #expect(await iterator.next() == nil, "every commit is told once")
    }
}
