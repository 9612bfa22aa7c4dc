import Synchronization

/// The one place that random numbers come from: the system's generator, or a seeded one in tests.
package final class RandomSource: Sendable {
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    package init(_ generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()) {
        self.generator = Mutex(generator)
    }

    /// A generator that draws from this source.
    package var stream: Stream { Stream(source: self) }

    package struct Stream: RandomNumberGenerator, Sendable {
        fileprivate let source: RandomSource

        package mutating func next() -> UInt64 { source.generator.withLock { $0.next() } }
    }

    /// A random UUID (RFC 9562 version 4), lower case.
    package func uuid() -> String {
        var stream = stream
        let high = (stream.next() & ~0xF000) | 0x4000
        let low = (stream.next() & ~(0b11 << 62)) | 0b10 << 62
        let digits = [high, low].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
        var uuid = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { uuid += "-" }
            uuid.append(digit)
        }
        return uuid
    }
}
