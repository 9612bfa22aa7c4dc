import Foundation
import GRDB
import SyncCore
import SyncStore
import Testing

@testable import SyncDaemon

@Suite(.timeLimit(.minutes(1))) struct DatabaseWatchTests {
    @Test func `a commit by somebody else is detected at once, and one of our own is not`() async throws {
        let bench = try await ScriptedBench()
        let (commits, committed) = AsyncStream.makeStream(of: Void.self)
        let watch = DatabaseWatch(bench.store) { committed.yield() }
        #expect(await watch.start())
        try bench.write("UPDATE conversations SET title = 'one'")
        var iterator = commits.makeAsyncIterator()
        await iterator.next()
        _ = try await bench.store.start(.current(), for: bench.configuration.parties, now: SystemClock.now())
        let startedAt = ContinuousClock.now
        try bench.write("UPDATE conversations SET title = 'two'")
        await iterator.next()
        #expect(ContinuousClock.now - startedAt < .milliseconds(900), "without a hint it takes a second")
        await watch.stop()
        try bench.write("UPDATE conversations SET title = 'three'")
        committed.finish()
        #expect(await iterator.next() == nil, "every commit is told once")
        bench.close()
    }
}
