import Foundation

/// The samples of a soak as a table and as a picture.
struct SoakCharts {
    private static let (width, height, margin) = (900.0, 130.0, 60.0)
    /// More points than a picture of this width can show are of no use.
    private static let mostPoints = 1200

    /// One line for each sample, with a header.
    static func csv(_ samples: [Sample]) -> String {
        let lines = samples.map { sample in sample.values.map { "\(($0 * 10).rounded() / 10)" }.joined(separator: ",") }
        return ([Sample.columns.joined(separator: ",")] + lines).joined(separator: "\n") + "\n"
    }

    /// A chart below the other, with the same time axis.
    static func svg(_ series: [Series], seconds: Double) -> String {
        let total = height * Double(series.count) + 30
        var parts = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(total)\" font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"\(width)\" height=\"\(total)\" fill=\"white\"/>",
        ]
        for (index, one) in series.enumerated() { parts.append(chart(one, top: height * Double(index))) }
        parts.append("<text x=\"\(margin)\" y=\"\(total - 10)\">0 to \(Int(seconds / 60)) min</text>")
        return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
    }

    private static func chart(_ series: Series, top: Double) -> String {
        let most = max(series.values.max() ?? 0, 1)
        let (inner, tall) = (width - margin - 20, height - 40)
        let step = max(1, series.values.count / mostPoints)
        let points = stride(from: 0, to: series.values.count, by: step).map { index in
            let x = margin + inner * Double(index) / Double(max(series.values.count - 1, 1))
            let y = top + 25 + tall * (1 - series.values[index] / most)
            return "\(text(x)),\(text(y))"
        }
        let medians = series.medians.map { text($0) }.joined(separator: ", ")
        let title = "\(series.name) (\(series.unit)): at most \(text(most)), medians \(medians)\(series.grows ? ", GROWS" : "")"
        return """
            <text x="\(margin)" y="\(text(top + 15))">\(title)</text>
            <path d="M\(margin),\(text(top + 25)) V\(text(top + 25 + tall)) H\(text(width - 20))" fill="none" stroke="#999"/>
            <polyline points="\(points.joined(separator: " "))" fill="none" stroke="\(series.grows ? "#c00" : "#06c")"/>
            """
    }

    /// With one decimal.
    static func text(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }
}
