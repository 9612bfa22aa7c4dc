import SyncCore
import SyncStore

/// The `service.failed` event: a start that failed, for those who read the log and not the terminal.
package enum FailedStart {
    /// - Parameters:
    ///   - command: `run` or `sync`.
    ///   - databasePath: empty if the configuration names none.
    package static func event(_ error: any Error, of command: String, exitCode: Int32, databasePath: String) -> LogEvent {
        LogEvent("service.failed", level: .error).with("command", command).with("error", text(error)).with("exit_code", Int(exitCode))
            .with("hint", hint(error, databasePath: databasePath))
    }

    private static func text(_ error: any Error) -> String {
        switch error {
        case let error as ConfigurationError: error.problems.map(\.description).joined(separator: "; ")
        default: "\(error)"
        }
    }

    private static func hint(_ error: any Error, databasePath: String) -> String {
        switch error {
        case is ConfigurationError:
            "`convosync check` says what to do about each; systemd does not try a wrong configuration again by itself"
        case is StoreError: Inspection.remedy(for: error, path: databasePath) ?? "`convosync check` says more about \(databasePath)"
        default: "report it with this line"
        }
    }
}

extension ConfigurationFile {
    /// The log settings of a file, even if it has other problems; the defaults if it cannot be read.
    package static func logSettings(path: String) -> Configuration.Log { read(path: path).configuration?.log ?? .init() }
}
