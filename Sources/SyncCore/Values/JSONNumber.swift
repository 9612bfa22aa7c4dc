/// A JSON number with its original text (RFC 8259 section 6), so that it is written again unchanged.
///
/// The grammar limits neither the number of digits nor the exponent, so no binary or decimal type holds every number. Equality and hashing
/// are by value: `1.0`, `1` and `10e-1` are equal. The exponent is never expanded: `1e999999999999` costs as much as `1e9`.
///
/// Exponents of 18 digits and more are compared as written; there, equal values may count as different, but different values never as
/// equal.
package struct JSONNumber: Hashable, Sendable {
    package let text: String

    /// Nil if the text is not a number by the grammar.
    package init?(_ text: String) {
        let written: String
        do {
            switch try JSONValue(text: text) {
            case .integer(let integer): written = String(integer)
            case .number(let number): written = number.text
            default: return nil
            }
        } catch {
            return nil
        }
        // Without surrounding white space.
        guard written.hasSameBytes(as: text) else { return nil }
        self.text = text
    }

    /// For texts that were checked against the grammar.
    init(checked text: String) {
        self.text = text
    }

    /// The value if it is a whole number that fits: `3`, `3.0` and `30e-1` are 3.
    package var integerValue: Int64? { canonical.integerValue }

    /// The nearest binary number; infinite if the value is out of range.
    package var doubleValue: Double { Double(text) ?? .nan }

    /// Whether the text consists of digits only, after an optional minus sign.
    package var isWrittenAsInteger: Bool { !text.utf8.contains { $0 == UInt8(ascii: ".") || $0 | 0x20 == UInt8(ascii: "e") } }

    package static func == (left: JSONNumber, right: JSONNumber) -> Bool {
        left.text.hasSameBytes(as: right.text) || left.canonical == right.canonical
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(canonical) }
}

extension JSONNumber {
    /// Sign, significant digits and exponent: `-12.50e3` is − 125 · 10². Zero has no digits, no sign and the exponent 0.
    private struct Canonical: Hashable {
        enum Exponent: Hashable {
            case small(Int64)
            /// As written, with the offset from the digits.
            case large(isNegative: Bool, digits: [UInt8], added: Int64)
        }

        var isNegative = false
        var digits: [UInt8] = []
        var exponent = Exponent.small(0)

        var integerValue: Int64? {
            guard !digits.isEmpty else { return 0 }
            // Int64 has 19 digits.
            guard case .small(let exponent) = exponent, exponent >= 0, exponent <= 19, digits.count + Int(exponent) <= 19 else {
                return nil
            }
            var text = isNegative ? [UInt8(ascii: "-")] : []
            text += digits
            text += Array(repeating: UInt8(ascii: "0"), count: Int(exponent))
            return Int64(String(decoding: text, as: UTF8.self))
        }
    }

    /// Digits of the written exponent, without leading zeros, up to which it is added up. More would overflow.
    private static let longestExponent = 17

    private var canonical: Canonical {
        var canonical = Canonical()
        var rest = Array(text.utf8)[...]
        func take(_ byte: UInt8) -> Bool {
            guard rest.first == byte else { return false }
            rest.removeFirst()
            return true
        }
        func takeDigits() -> ArraySlice<UInt8> {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(digits.count)
            return digits
        }
        let isNegative = take(UInt8(ascii: "-"))
        var digits = takeDigits()
        let fraction = take(UInt8(ascii: ".")) ? takeDigits() : []
        digits += fraction
        var isExponentNegative = false
        var exponent: ArraySlice<UInt8> = []
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isExponentNegative = take(UInt8(ascii: "-"))
            if !isExponentNegative { _ = take(UInt8(ascii: "+")) }
            exponent = takeDigits().drop { $0 == UInt8(ascii: "0") }
        }
        digits = digits.drop { $0 == UInt8(ascii: "0") }
        let significant = digits.lastIndex { $0 != UInt8(ascii: "0") }.map { digits[...$0] } ?? []
        guard !significant.isEmpty else { return canonical }
        canonical.isNegative = isNegative
        canonical.digits = Array(significant)
        let added = Int64(digits.count - significant.count - fraction.count)
        if exponent.count <= JSONNumber.longestExponent {
            let written = exponent.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
            canonical.exponent = .small((isExponentNegative ? -written : written) + added)
        } else {
            canonical.exponent = .large(isNegative: isExponentNegative, digits: Array(exponent), added: added)
        }
        return canonical
    }
}
