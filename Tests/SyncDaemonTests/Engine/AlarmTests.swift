import NIOCore
import NIOPosix
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

@Suite(.timeLimit(.minutes(1))) struct AlarmTests {
    /// An alarm on a loop of its own, and the number of times it rang.
    private final class AlarmOnLoop: Sendable {
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
                    ?? Alarm(on: loop, uptime: { [weak self] in self?.uptime.withLock { $0 } ?? .zero }, ring: { [ring] in ring.yield() })
                alarm.value = present
                present.set(deadline)
            }.get()
        }

        func end() { ring.finish() }
    }

    @Test func `an alarm rings at its time, once`() async throws {
        let alarm = AlarmOnLoop()
        try await alarm.set(.seconds(100))
        var rings = alarm.rings.makeAsyncIterator()
        await rings.next()
        alarm.end()
        #expect(await rings.next() == nil)
    }

    @Test func `an alarm that is set again replaces the previous one, and without a time it does not ring`() async throws {
        let alarm = AlarmOnLoop()
        try await alarm.set(.seconds(100) + .milliseconds(1))
        try await alarm.set(nil)
        try await alarm.set(.hours(5))
        // Whatever was set before would have rung before this one.
        let startedAt = ContinuousClock.now
        alarm.uptime.withLock { $0 = .seconds(100) }
        try await alarm.set(.seconds(100) + .milliseconds(50))
        alarm.uptime.withLock { $0 = .seconds(200) }
        var rings = alarm.rings.makeAsyncIterator()
        await rings.next()
        #expect(ContinuousClock.now - startedAt >= .milliseconds(50))
        alarm.end()
        #expect(await rings.next() == nil)
    }

    @Test func `a timer that fires before the alarm's time does not ring it`() async throws {
        let alarm = AlarmOnLoop()
        // The clock stands still, so the timer fires before its time, repeatedly.
        try await alarm.set(.seconds(100) + .milliseconds(5))
        try await alarm.loop.scheduleTask(in: .milliseconds(50)) {}.futureResult.get()
        alarm.end()
        var rings = alarm.rings.makeAsyncIterator()
        #expect(await rings.next() == nil)
    }
}
