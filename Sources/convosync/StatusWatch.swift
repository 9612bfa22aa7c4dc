import SyncCore
import SyncDaemon
import SyncSQLite
import SyncStore

/// `status --watch`: the status in place, once a second, on the terminal's second screen; what was there before comes back at the end.
struct StatusWatch {
    private static let pause = Duration.seconds(1)
    /// The second screen, no cursor, and no wrapping: the terminal cuts long lines off, and the picture keeps its shape.
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l"
    private static let leave = "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l"

    let configuration: OperatorConfiguration

    /// Returns when somebody ends it.
    func run() async throws {
        // An error of the first look is an error of the command; later ones are shown and may pass.
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

    /// From the top left corner, each line up to its end; what is below is erased. A picture that is too high loses its end.
    static func screen(_ frame: [String], rows: Int) -> String {
        let lines = frame.prefix(max(rows - 1, 1)).map { Terminal.rendered([$0]) }
        return "\u{1B}[H" + lines.map { "\($0)\u{1B}[K\r\n" }.joined() + "\u{1B}[J"
    }

    private func write(_ text: String) {
        StandardOutput.write(Array(text.utf8))
    }
}
