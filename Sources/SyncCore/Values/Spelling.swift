/// "Did you mean": the nearest known word within two edits.
package enum Spelling {
    package static func hint(_ text: String, among candidates: [String]) -> String {
        let nearest = candidates.map { ($0, distance(text, $0)) }.min { $0.1 < $1.1 }
        guard let nearest, nearest.1 <= 2, nearest.1 < text.count else { return "" }
        return "; did you mean \"\(nearest.0)\"?"
    }

    /// Levenshtein distance.
    static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right)
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let substitution = diagonal + (character == right[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substitution, row[j] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
