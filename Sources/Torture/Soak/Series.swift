/// One measure over time, and whether it grows.
package struct Series: Sendable {
    package let name: String
    package let unit: String
    package let values: [Double]
    /// What the medians of the thirds may differ by.
    package let allowance: Double

    /// The first part, in which caches fill.
    private static let warmUp = 0.25

    package init(_ name: String, unit: String, _ values: [Double], allowance: Double) {
        self.name = name
        self.unit = unit
        self.values = values
        self.allowance = allowance
    }

    /// The medians of the three thirds after the warm-up: single peaks, and what goes up and down, do not change them.
    package var medians: [Double] {
        let rest = Array(values.dropFirst(Int(Double(values.count) * Self.warmUp)))
        guard rest.count >= 3 else { return [] }
        return (0..<3).map { third in
            let part = rest[(rest.count * third / 3)..<(rest.count * (third + 1) / 3)].sorted()
            return part[part.count / 2]
        }
    }

    /// Whether it becomes larger from third to third, and by more than the allowance in all.
    ///
    /// | medians       | grows                                                                              |
    /// |---------------|------------------------------------------------------------------------------------|
    /// | a, b, c       | c - a > allowance, b - a > allowance / 4 and c - b > allowance / 4                   |
    package var grows: Bool {
        let medians = medians
        guard medians.count == 3 else { return false }
        let steps = (medians[1] - medians[0], medians[2] - medians[1])
        return steps.0 + steps.1 > allowance && min(steps.0, steps.1) > allowance / 4
    }
}
