/// Text that is compared by its UTF-8 bytes.
///
/// Swift compares strings by canonical equivalence (Unicode Standard Annex #15): `é` as one scalar equals `e` with a combining accent. The
/// database and the remotes compare bytes. Where two byte sequences are different things (ids, tags, member names, sent values), comparing
/// strings would confuse them, so they are compared, hashed and ordered as `ExactText`.
package struct ExactText: Hashable, Comparable, Sendable {
    package var text: String

    package init(_ text: String) {
        self.text = text
    }

    package static func == (left: ExactText, right: ExactText) -> Bool { left.text.hasSameBytes(as: right.text) }

    package static func < (left: ExactText, right: ExactText) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

    /// Texts with the same bytes have the same hash; canonically equivalent texts share it too, and `==` distinguishes them.
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

extension String {
    /// Whether both strings are the same sequence of UTF-8 bytes.
    package func hasSameBytes(as other: String) -> Bool {
        // Not equivalent means not the same bytes. This decides nearly all comparisons, and fast.
        guard self == other else { return false }
        return utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}

extension String? {
    /// Whether both are nil, or both are the same sequence of UTF-8 bytes.
    package func hasSameBytes(as other: String?) -> Bool {
        switch (self, other) {
        case (nil, nil): true
        case (let left?, let right?): left.hasSameBytes(as: right)
        default: false
        }
    }
}

extension Sequence<String> {
    /// The elements as a set that distinguishes texts by their bytes.
    package var exactSet: Set<ExactText> { Set(map(ExactText.init)) }
}
