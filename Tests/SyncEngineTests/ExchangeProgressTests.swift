import SyncCore
import Testing

@testable import SyncEngine

@Suite struct ExchangeProgressTests {
    private let exchange = Exchange(
        now: MadeUp.noon, uptime: .zero, run: RunPart(cause: .retry, startedAt: MadeUp.noon), leases: LeaseValues(processID: 1, counter: 0))

    private func begun() -> ExchangeProgress {
        var progress = ExchangeProgress()
        progress.begins(exchange, cause: .change, MadeUp.time())
        return progress
    }

    @Test func `exchanges run one at a time, and the next one begins at once`() {
        var progress = begun()
        #expect(progress.isInProgress && !progress.mayBegin(MadeUp.time(.minutes(1))))
        #expect(progress.since == MadeUp.noon && progress.cause == .change)
        #expect(progress.ended(hasEffect: true, MadeUp.time(.milliseconds(3))) == false)
        #expect(progress.mayBegin(MadeUp.time(.milliseconds(3))) && progress.cause == nil)
    }

    @Test(arguments: [
        (StoreError.passing, [Int64(50), 100, 200, 400, 800, 1600, 2000, 2000]),
        (StoreError.lasting, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]),
    ])
    func `failed exchanges in a row are followed by growing pauses, and are reported once`(error: StoreError, pauses: [Int64]) {
        var progress = ExchangeProgress()
        var now = Duration.zero
        for (index, pause) in pauses.enumerated() {
            progress.begins(exchange, cause: nil, MadeUp.time(now))
            #expect(progress.failed(error, MadeUp.time(now)) == (index == 0))
            #expect(!progress.mayBegin(MadeUp.time(now + .milliseconds(pause - 1))))
            #expect(progress.retryAt == MadeUp.noon + now + .milliseconds(pause))
            #expect(progress.failingSince == MadeUp.noon)
            now = now + .milliseconds(pause)
            #expect(progress.mayBegin(MadeUp.time(now)))
        }
        progress.begins(exchange, cause: nil, MadeUp.time(now))
        #expect(progress.ended(hasEffect: true, MadeUp.time(now)) == true, "the first that went well is worth a report")
        #expect(progress.failingSince == nil && progress.retryAt == nil)
        progress.begins(exchange, cause: nil, MadeUp.time(now))
        #expect(progress.ended(hasEffect: true, MadeUp.time(now)) == false)
        progress.begins(exchange, cause: nil, MadeUp.time(now))
        #expect(progress.failed(error, MadeUp.time(now)) == true)
        #expect(progress.retryAt == MadeUp.noon + now + .milliseconds(pauses[0]), "the pauses begin anew")
    }

    @Test func `the parts of the exchange in progress are known until it ends`() {
        var carrying = exchange
        carrying.clockStep = .hours(2)
        carrying.events = [ReceivedEvents(ticket: 4, remote: "fin", notices: [])]
        var progress = ExchangeProgress()
        progress.begins(carrying, cause: nil, MadeUp.time())
        #expect(progress.carriesClockStep == .hours(2) && progress.tickets.map(\.ticket) == [4])
        _ = progress.failed(.passing, MadeUp.time())
        #expect(progress.carriesClockStep == nil && progress.tickets.isEmpty)
    }

    @Test func `after fifty exchanges in a row without effect each one is followed by a pause`() {
        #expect(ExchangeProgress.mostFruitless == 50 && ExchangeProgress.fruitlessPause == .milliseconds(200))
        var progress = ExchangeProgress()
        for count in 1...60 {
            progress.begins(exchange, cause: nil, MadeUp.time())
            _ = progress.ended(hasEffect: false, MadeUp.time())
            #expect(progress.fruitless == count)
            #expect(progress.mayBegin(MadeUp.time()) == (count < ExchangeProgress.mostFruitless))
        }
        #expect(progress.retryAt == MadeUp.noon + ExchangeProgress.fruitlessPause)
        let afterPause = MadeUp.time(ExchangeProgress.fruitlessPause)
        progress.begins(exchange, cause: nil, afterPause)
        _ = progress.ended(hasEffect: false, afterPause)
        #expect(progress.fruitless == 61 && !progress.mayBegin(afterPause), "the pause itself is no rest")
        progress.begins(exchange, cause: nil, afterPause)
        _ = progress.ended(hasEffect: true, afterPause)
        #expect(progress.fruitless == 0 && progress.mayBegin(afterPause))
    }

    @Test func `exchanges without effect that are far apart are not slowed down`() {
        var progress = ExchangeProgress()
        for count in Int64(0)..<200 {
            progress.begins(exchange, cause: nil, MadeUp.time(.milliseconds(count * 21)))
            _ = progress.ended(hasEffect: false, MadeUp.time(.milliseconds(count * 21)))
            #expect(progress.fruitless == 1)
        }
    }
}
