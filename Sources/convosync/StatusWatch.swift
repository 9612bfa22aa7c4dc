import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

/// `status --watch`: refreshes the status in place once a second, on the terminal's alternate screen, so that the previous contents come back at the
/// end.
struct StatusWatch {
    private static let pause = Duration.seconds(1)
    /// Alternate screen, no cursor and no wrapping: the terminal truncates long lines, and the layout is kept.
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leave = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    let configuration: OperatorConfiguration

    /// Returns when the command is interrupted.
    func run() async throws {
        // An error of the first query ends the command; later errors are shown and may pass.
        let store = try Store(path: configuration.databasePath, access: .reading)
        let first = try await look(at: store)
        write(StatusWatch.enter)
        defer { write(StatusWatch.leave) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Interruption.wait() }
            group.addTask { await redraw(first, store) }
            await group.next()
            group.cancelAll()
        }
    }

    private func redraw(_ first: [String], _ opened: Store) async {
        var (frame, store) = (first, opened)
        while true {
            write(StatusWatch.screen(frame, rows: Terminal.rows))
            do {
                try await Task.sleep(for: StatusWatch.pause)
                if !store.isInPlace { store = try Store(path: configuration.databasePath, access: .reading) }
                frame = try await look(at: store)
            } catch is CancellationError {
                return
            } catch {
                frame = [Terminal.paint("convosync: \(error)", .red)]
            }
        }
    }

    private func look(at store: Store) async throws -> [String] {
        let view = try await StatusView(store, configuration)
        return [Terminal.paint("\(view.now.iso8601)  \(store.path)  (Ctrl-C ends)", .dim), ""] + view.lines
    }

    /// Draws from the top left corner, each line up to its end, and erases what is below. A frame that is too high is truncated.
    static func screen(_ frame: [String], rows: Int) -> String {
        let lines = frame.prefix(max(rows - 1, 1)).map { Terminal.rendered([$0]) }
        return "\u{1B}[H" + lines.map { "\($0)\u{1B}[K\r\n" }.joined() + "\u{1B}[J"
    }

    private func write(_ text: String) {
        StandardOutput.write(Array(text.utf8))
    }
}
