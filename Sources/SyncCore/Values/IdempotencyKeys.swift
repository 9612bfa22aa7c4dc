/// Keys that follow from one number, so that the same exchange makes the same rows wherever it is repeated.
///
/// The generator is SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). Keys name a call, they keep no
/// secret.
package struct IdempotencyKeys: Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    /// A UUID (RFC 9562 version 4), lower case.
    package mutating func next() -> String {
        let high = (number() & ~0xF000) | 0x4000
        let low = (number() & ~(0b11 << 62)) | 0b10 << 62
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

    private mutating func number() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
