import FoundationEssentials
import Glibc
import SyncCore
import SyncDaemon

/// What the standard streams are connected to. Terminals get colour, pipes get plain text.
///
/// All text for people goes through ``print(_:)`` and ``printError(_:)``, line by line. Ids, titles and error texts come from others: a line stays
/// one line, and contains no terminal control characters (``Swift/String/onOneLine``).
enum Terminal {
    static let outputIsTerminal = isatty(STDOUT_FILENO) == 1
    static let inputIsTerminal = isatty(STDIN_FILENO) == 1
    static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// The current number of lines of the window.
    static var rows: Int {
        var size = winsize()
        return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0 ? Int(size.ws_row) : 24
    }

    enum Colour: Int, CaseIterable {
        case red = 31
        case green = 32
        case yellow = 33
        case dim = 2
        case bold = 1

        /// Marks the beginning of the colour in a line that has not been written yet.
        fileprivate var mark: Unicode.Scalar {
            switch self {
            case .red: "\u{10FFF1}"
            case .green: "\u{10FFF2}"
            case .yellow: "\u{10FFF3}"
            case .dim: "\u{10FFF4}"
            case .bold: "\u{10FFF5}"
            }
        }
    }

    private static let usesColour: Bool = {
        let environment = ProcessInfo.processInfo.environment
        return outputIsTerminal && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb"
    }()

    /// Marks the end of a colour in a line that has not been written yet; from a private-use plane. Text that contains these marks only gets a
    /// colour.
    private static let endMark: Unicode.Scalar = "\u{10FFF0}"

    static func paint(_ text: String, _ colour: Colour?) -> String {
        guard usesColour, let colour, !text.isEmpty else { return text }
        return "\(colour.mark)\(text)\(endMark)"
    }

    static func print(_ lines: [String]) {
        Swift.print(rendered(lines))
    }

    static func print(_ line: String) { print([line]) }

    /// How long to wait for standard error to become writable, in milliseconds.
    private static let errorPatience: Int32 = 2000

    static func printError(_ lines: [String]) {
        // A program that ends must not wait without limit to report why.
        guard StandardOutput.isWritable(STDERR_FILENO, within: errorPatience) else { return }
        StandardOutput.write(Array((rendered(lines) + "\n").utf8), to: STDERR_FILENO)
    }

    static func printError(_ line: String) { printError([line]) }

    /// The lines as sent to the terminal: own marks become colours, and other control characters are escaped.
    static func rendered(_ lines: [String]) -> String {
        lines.map { line in
            let safe = line.onOneLine
            guard usesColour else { return safe }
            return safe.unicodeScalars.reduce(into: "") { text, scalar in
                if scalar == endMark {
                    text += "\u{1B}[0m"
                } else if let colour = Colour.allCases.first(where: { $0.mark == scalar }) {
                    text += "\u{1B}[\(colour.rawValue)m"
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }.joined(separator: "\n")
    }

    /// Replaces the current line of standard error; only on a terminal.
    static func showProgress(_ text: String) {
        guard errorIsTerminal else { return }
        StandardOutput.write(Array("\r\u{1B}[K\(text)".utf8), to: STDERR_FILENO)
    }
}

/// A table with aligned columns.
struct TextTable {
    struct Cell {
        var text: String
        var colour: Terminal.Colour?
        var isRightAligned = false

        init(_ text: String, _ colour: Terminal.Colour? = nil) {
            // Before the widths are computed.
            self.text = text.onOneLine
            self.colour = colour
        }

        static func number(_ value: Int, highlight colour: Terminal.Colour? = nil) -> Cell {
            var cell = Cell("\(value)", value > 0 ? colour : nil)
            cell.isRightAligned = true
            return cell
        }
    }

    var header: [String]
    var rows: [[Cell]] = []

    var lines: [String] {
        var widths = header.map(\.count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.text.count) }
        }
        let all = [header.map { Cell($0, .bold) }] + rows
        return all.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.text.count)
                let painted = Terminal.paint(cell.text, cell.colour)
                if cell.isRightAligned { return padding + painted }
                return column == row.count - 1 ? painted : painted + padding
            }.joined(separator: "  ")
        }
    }
}
