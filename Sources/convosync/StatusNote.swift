/// One thing that `status` has to say, and the commands or steps that help.
struct StatusNote {
    var text: String
    var steps: [String]
    var colour: Terminal.Colour?

    /// - Parameter steps: each on a line of its own, never wrapped.
    init(_ text: String, _ steps: String..., colour: Terminal.Colour? = nil) {
        (self.text, self.steps, self.colour) = (text.onOneLine, steps, colour)
    }

    var lines: [String] {
        StatusNote.wrapped(text).map { Terminal.paint($0, colour) } + steps.map { "    \($0)" }
    }

    /// Breaks at spaces; what is longer than a line stays whole.
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
