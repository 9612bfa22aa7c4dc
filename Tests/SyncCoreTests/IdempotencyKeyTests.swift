import Testing

@testable import SyncCore

@Suite struct IdempotencyKeyTests {
    @Test func `idempotency keys follow from the seed and are version 4 UUIDs`() {
        var (first, same, other) = (IdempotencyKeys(seed: 7), IdempotencyKeys(seed: 7), IdempotencyKeys(seed: 8))
        let keys = (0..<1000).map { _ in first.next() }
        #expect(keys == (0..<1000).map { _ in same.next() })
        #expect(Set(keys).union((0..<1000).map { _ in other.next() }).count == 2000)
        for key in keys {
            let parts = key.split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(key.allSatisfy { $0 == "-" || $0.isHexDigit && !$0.isUppercase })
            #expect(parts[2].first == "4" && parts[3].first.map { "89ab".contains($0) } == true)
        }
    }
}
