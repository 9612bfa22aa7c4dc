import NIOCore
import NIOPosix
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

@Suite(.timeLimit(.minutes(1))) struct AlarmTests {
    /// An alarm on a loop of its own, and the number of times it rang.
    private final class Bench: Sendable {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let uptime = Mutex(Duration.seconds(100))
        let rings: AsyncStream<Void>
        private let ring: AsyncStream<Void>.Continuation
        private let alarm: NIOLoopBoundBox<Alarm?>

        init() {
            (rings, ring) = AsyncStream.makeStream()
            alarm = .makeEmptyBox(eventLoop: loop)
        }

        func set(_ deadline: Duration?) async throws {
            try await loop.submit { [self] in
                let present =
                    alarm.value
                    ?? Alarm(on: loop, uptime: { [self] in uptime.withLock { $0 } }, ring: { [ring] in ring.yield() })
                alarm.value = present
                present.set(deadline)
            }.get()
        }

        func end() { ring.finish() }
    }

    @Test func `an alarm rings at its time, once`() async throws {
        let bench = Bench()
        try await bench.set(.seconds(100))
        var rings = bench.rings.makeAsyncIterator()
        await rings.next()
        bench.end()
        #expect(await rings.next() == nil)
    }

    @Test func `an alarm that is set again replaces the previous one, and without a time it does not ring`() async throws {
        let bench = Bench()
        try await bench.set(.seconds(100) + .milliseconds(1))
        try await bench.set(nil)
        try await bench.set(.hours(5))
        // Whatever was set before would have rung before this one.
        let startedAt = ContinuousClock.now
        bench.uptime.withLock { $0 = .seconds(100) }
        try await bench.set(.seconds(100) + .milliseconds(50))
        bench.uptime.withLock { $0 = .seconds(200) }
        var rings = bench.rings.makeAsyncIterator()
        await rings.next()
        #expect(ContinuousClock.now - startedAt >= .milliseconds(50))
        bench.end()
        #expect(await rings.next() == nil)
    }

    @Test func `a timer that fires before the alarm's time does not ring it`() async throws {
        let bench = Bench()
        // The clock stands still, so the timer fires before its time, repeatedly.
        try await bench.set(.seconds(100) + .milliseconds(5))
        try await bench.loop.scheduleTask(in: .milliseconds(50)) {}.futureResult.get()
        bench.end()
        var rings = bench.rings.makeAsyncIterator()
        #expect(await rings.next() == nil)
    }
}
