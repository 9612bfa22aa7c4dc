/// Decompresses the formats of RFC 1950, 1951 and 1952, with a bound on what comes out.
///
/// Bodies are small and rarely compressed, so a code is read bit by bit: less than a tenth of a second for a body of the largest
/// size, without a table to build for each block.
struct Inflate {
    enum Format {
        /// RFC 1952; members that follow one another make one body.
        case gzip
        /// RFC 1950. Some servers leave out its header and trailer (RFC 9110, section 8.4.1.2); then it is RFC 1951.
        case deflate
    }

    enum Failure: Error, Equatable {
        case truncated
        case invalid
        case tooLarge
    }

    private let input: [UInt8]
    private var position = 0
    private var bits: UInt32 = 0
    private var bitCount = 0
    /// In bytes.
    private let limit: Int
    /// Where the current member begins: nothing is copied from before.
    private var start = 0
    private(set) var output: [UInt8] = []

    init(_ input: [UInt8], atMost limit: Int) {
        self.input = input
        self.limit = limit
    }

    mutating func decode(_ format: Format) throws(Failure) {
        switch format {
        case .gzip: try members()
        case .deflate: try zlib()
        }
    }

    // MARK: Containers

    private mutating func members() throws(Failure) {
        repeat {
            start = output.count
            try memberHeader()
            try blocks()
            guard try little(4) == CRC32.of(output[start...]), try little(4) == UInt32(truncatingIfNeeded: output.count - start) else {
                throw .invalid
            }
            // Padding with zeros is allowed for.
            if input[position...].allSatisfy({ $0 == 0 }) { return }
        } while true
    }

    private mutating func memberHeader() throws(Failure) {
        guard try byte() == 0x1F, try byte() == 0x8B, try byte() == 8 else { throw .invalid }
        let flags = try byte()
        // Time, extra flags, system.
        for _ in 0..<6 { _ = try byte() }
        guard flags & 0xE0 == 0 else { throw .invalid }
        if flags & 4 != 0 {
            for _ in 0..<(Int(try byte()) | Int(try byte()) << 8) { _ = try byte() }
        }
        // Name and comment end with a zero.
        for flag in [UInt8(8), 16] where flags & flag != 0 {
            while try byte() != 0 {}
        }
        if flags & 2 != 0 { for _ in 0..<2 { _ = try byte() } }
    }

    private mutating func zlib() throws(Failure) {
        guard input.count >= 2, input[0] & 0x0F == 8, input[0] >> 4 <= 7, (Int(input[0]) << 8 | Int(input[1])) % 31 == 0 else {
            return try blocks()
        }
        guard input[1] & 0x20 == 0 else { throw .invalid }
        position = 2
        try blocks()
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in output {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        var sum: UInt32 = 0
        for _ in 0..<4 { sum = sum << 8 | UInt32(try byte()) }
        guard sum == high << 16 | low else { throw .invalid }
    }

    // MARK: Blocks

    private mutating func blocks() throws(Failure) {
        bits = 0
        bitCount = 0
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try stored()
            case 1: try compressed(Code.fixedLiterals, Code.fixedDistances)
            case 2:
                let (literals, distances) = try dynamicCodes()
                try compressed(literals, distances)
            default: throw .invalid
            }
        }
        // Whole bytes that were read ahead do not exist: bits are taken byte by byte.
        bits = 0
        bitCount = 0
    }

    private mutating func stored() throws(Failure) {
        bits = 0
        bitCount = 0
        let (length, complement) = (Int(try byte()) | Int(try byte()) << 8, Int(try byte()) | Int(try byte()) << 8)
        guard length == complement ^ 0xFFFF else { throw .invalid }
        let available = min(length, input.count - position)
        let room = min(available, limit - output.count)
        output += input[position..<position + room]
        position += room
        if room < available { throw .tooLarge }
        if available < length { throw .truncated }
    }

    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
    ]
    private static let lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
    private static let distanceBases = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193,
        12289, 16385, 24577,
    ]
    private static let distanceBits = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
    ]
    private static let codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    private mutating func compressed(_ literals: Code, _ distances: Code) throws(Failure) {
        while true {
            let symbol = try decode(literals)
            if symbol == 256 { return }
            if symbol < 256 {
                guard output.count < limit else { throw .tooLarge }
                output.append(UInt8(symbol))
                continue
            }
            guard symbol - 257 < Inflate.lengthBases.count else { throw .invalid }
            let length = Inflate.lengthBases[symbol - 257] + (try take(Inflate.lengthBits[symbol - 257]))
            let code = try decode(distances)
            guard code < Inflate.distanceBases.count else { throw .invalid }
            let distance = Inflate.distanceBases[code] + (try take(Inflate.distanceBits[code]))
            guard distance <= output.count - start else { throw .invalid }
            for _ in 0..<length {
                guard output.count < limit else { throw .tooLarge }
                output.append(output[output.count - distance])
            }
        }
    }

    private mutating func dynamicCodes() throws(Failure) -> (Code, Code) {
        let (literalCount, distanceCount, lengthCount) = (try take(5) + 257, try take(5) + 1, try take(4) + 4)
        guard literalCount <= 286, distanceCount <= 30 else { throw .invalid }
        var lengths = [Int](repeating: 0, count: 19)
        for index in 0..<lengthCount { lengths[Inflate.codeLengthOrder[index]] = try take(3) }
        guard let code = Code(lengths[...]) else { throw .invalid }
        lengths = []
        while lengths.count < literalCount + distanceCount {
            let symbol = try decode(code)
            switch symbol {
            case 0...15: lengths.append(symbol)
            case 16:
                guard let last = lengths.last else { throw .invalid }
                lengths += [Int](repeating: last, count: 3 + (try take(2)))
            case 17: lengths += [Int](repeating: 0, count: 3 + (try take(3)))
            default: lengths += [Int](repeating: 0, count: 11 + (try take(7)))
            }
        }
        guard lengths.count == literalCount + distanceCount, lengths[256] > 0, let literals = Code(lengths[..<literalCount]),
            let distances = Code(lengths[literalCount...])
        else { throw .invalid }
        return (literals, distances)
    }

    // MARK: Bits

    private mutating func byte() throws(Failure) -> UInt8 {
        guard position < input.count else { throw .truncated }
        position += 1
        return input[position - 1]
    }

    private mutating func little(_ count: Int) throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<count { value |= UInt32(try byte()) << (8 * UInt32(index)) }
        return value
    }

    private mutating func take(_ count: Int) throws(Failure) -> Int {
        while bitCount < count {
            bits |= UInt32(try byte()) << UInt32(bitCount)
            bitCount += 8
        }
        let value = bits & (1 << UInt32(count) - 1)
        bits >>= UInt32(count)
        bitCount -= count
        return Int(value)
    }

    private mutating func decode(_ code: Code) throws(Failure) -> Int {
        var (value, first, index) = (0, 0, 0)
        for length in 1...15 {
            value |= try take(1)
            let count = code.counts[length]
            if value - count < first { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw .invalid
    }

    /// A prefix code, given by the lengths of its words (RFC 1951, section 3.2.2): how many words there are of each length, and their
    /// symbols in order.
    private struct Code {
        private(set) var counts = [Int](repeating: 0, count: 16)
        private(set) var symbols: [Int] = []

        static let fixedLiterals = Code(
            unchecked: ((0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })[...])
        static let fixedDistances = Code(unchecked: [Int](repeating: 5, count: 30)[...])

        /// - Returns: nil for lengths that no code can have, because there are too many short ones. Too few are allowed for: a single
        ///   distance has a word of one bit.
        init?(_ lengths: ArraySlice<Int>) {
            self.init(unchecked: lengths)
            var left = 1
            for length in 1...15 {
                left = left << 1 - counts[length]
                guard left >= 0 else { return nil }
            }
        }

        private init(unchecked lengths: ArraySlice<Int>) {
            for length in 1...15 {
                for (symbol, found) in lengths.enumerated() where found == length {
                    symbols.append(symbol)
                    counts[length] += 1
                }
            }
        }
    }
}

/// The checksum of RFC 1952, section 8.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
    }

    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { sum, byte in table[Int((sum ^ UInt32(byte)) & 0xFF)] ^ sum >> 8 }
    }
}
