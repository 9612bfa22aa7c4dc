/// Keys derived from one number, so that the same exchange creates the same rows when it is repeated.
package struct IdempotencyKeys: Sendable {
    private var numbers: SplitMix64

    package init(seed: UInt64) {
        numbers = SplitMix64(seed: seed)
    }

    /// A UUID (RFC 9562 version 4), lower case.
    package mutating func next() -> String {
        let high = (numbers.next() & ~0xF000) | 0x4000
        let low = (numbers.next() & ~(0b11 << 62)) | 0b10 << 62
        let digits = [high, low].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var key = ""
        key.reserveCapacity(36)
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { key += "-" }
            key.append(digit)
        }
        return key
    }
}
