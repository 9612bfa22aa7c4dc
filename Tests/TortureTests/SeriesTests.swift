import Fixtures
import Testing
import Torture

/// What counts as growth in a soak.
@Suite struct SeriesTests {
    private func grows(_ values: [Double], allowance: Double = 10) -> Bool {
        Series("memory", unit: "MiB", values, allowance: allowance).grows
    }

    private func noise(_ seed: UInt64, _ size: Double) -> [Double] {
        var random = SeededGenerator(seed: seed)
        return (0..<600).map { _ in Double.random(in: -size...size, using: &random) }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `steady growth is found in noise, and noise alone does not grow`(seed: UInt64) {
        let noise = noise(seed, 8)
        #expect(grows(noise.enumerated().map { 100 + Double($0) * 0.1 + $1 }))
        #expect(!grows(noise.map { 100 + $0 }))
    }

    @Test func `growth in steps is found`() {
        #expect(grows((0..<600).map { 100 + Double($0 / 100) * 10 }))
    }

    @Test func `growth up to the allowance, and a decline, are no growth`() {
        #expect(!grows((0..<600).map { 100 + Double($0) * 0.01 }))
        #expect(!grows((0..<600).map { 100 - Double($0) * 0.1 }))
    }

    @Test func `what fills during the warm-up and stays, single peaks, and what goes up and down do not grow`() {
        #expect(!grows((0..<600).map { min(Double($0) * 2, 250) }))
        #expect(!grows((0..<600).map { $0 % 50 == 0 ? 1000 : 100 }))
        #expect(!grows((0..<600).map { 100 + Double($0 % 60) }))
    }

    @Test func `too few values show nothing`() {
        #expect(!grows([]))
        #expect(!grows([1, 100]))
    }
}
