/// A note of `status`, with commands or steps that help.
struct StatusNote {
    var text: String
    var steps: [String]
    var colour: Terminal.Colour?

    /// - Parameter steps: each is printed on a line of its own, unwrapped.
    init(_ text: String, _ steps: String..., colour: Terminal.Colour? = nil) {
        (self.text, self.steps, self.colour) = (text.onOneLine, steps, colour)
    }

    var lines: [String] {
        StatusNote.wrapped(text).map { Terminal.paint($0, colour) } + steps.map { "    \($0)" }
    }

    /// Wraps at spaces; a longer word stays whole.
    static func wrapped(_ text: String, width: Int = StatusView.width) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = "  \(word)"
            } else {
                line += line.isEmpty ? "\(word)" : " \(word)"
            }
        }
        return lines + [line]
    }
}
