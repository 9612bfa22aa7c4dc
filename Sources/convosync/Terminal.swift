import Foundation
import SyncDaemon

/// What the outputs are connected to. People get colour, pipes get plain text.
enum Terminal {
    static let outputIsTerminal = isatty(STDOUT_FILENO) == 1
    static let errorIsTerminal = isatty(STDERR_FILENO) == 1

    /// How many lines the window has at the moment.
    static var rows: Int {
        var size = winsize()
        return ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0 ? Int(size.ws_row) : 24
    }

    enum Colour: Int {
        case red = 31
        case green = 32
        case yellow = 33
        case dim = 2
        case bold = 1
    }

    private static let usesColour: Bool = {
        let environment = ProcessInfo.processInfo.environment
        return outputIsTerminal && environment["NO_COLOR"] == nil && environment["TERM"] != "dumb"
    }()

    static func paint(_ text: String, _ colour: Colour?) -> String {
        guard usesColour, let colour, !text.isEmpty else { return text }
        return "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m"
    }

    /// How long standard error is waited for, in milliseconds, when nobody reads it.
    private static let errorPatience: Int32 = 2000

    static func printError(_ text: String) {
        // A program that ends must not wait for ever to say why.
        guard StandardOutput.isWritable(STDERR_FILENO, within: errorPatience) else { return }
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }

    /// Replaces the present line of standard error; only on a terminal.
    static func showProgress(_ text: String) {
        guard errorIsTerminal else { return }
        FileHandle.standardError.write(Data("\r\u{1B}[K\(text)".utf8))
    }
}

/// A table with aligned columns.
struct TextTable {
    struct Cell {
        var text: String
        var colour: Terminal.Colour?
        var isRightAligned = false

        init(_ text: String, _ colour: Terminal.Colour? = nil) {
            self.text = text
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

    var text: String {
        var widths = header.map(\.count)
        for row in rows {
            for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.text.count) }
        }
        let lines = [header.map { Cell($0, .bold) }] + rows
        return lines.map { row in
            row.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.text.count)
                let painted = Terminal.paint(cell.text, cell.colour)
                if cell.isRightAligned { return padding + painted }
                return column == row.count - 1 ? painted : painted + padding
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
