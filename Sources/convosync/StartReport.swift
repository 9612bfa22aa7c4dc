import ArgumentParser
import Glibc
import SyncCore
import SyncDaemon

/// Says in the log that `run` or `sync` could not start (`service.failed`), in the format that the configuration asks for. People get
/// the text on standard error as well, unless that is the journal: there the event is enough.
struct StartReport {
    let command: String
    let configurationPath: String
    /// Where the log goes.
    let descriptor: Int32

    /// How long a log that nobody reads is waited for.
    private static let patience = Duration.seconds(1)

    /// - Parameter log: nil as long as there is none.
    func reporting<Value>(
        to log: EventLog? = nil, database: String = "", _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch {
            let code = ExitCode(endingWith: error)
            let log = log ?? EventLog(ConfigurationFile.logSettings(path: configurationPath), descriptor: descriptor)
            if let code {
                log.write(FailedStart.event(error, of: command, exitCode: code.rawValue, databasePath: database))
            }
            await log.flush(within: StartReport.patience, stall: StartReport.patience)
            if let code, EventLog.isJournal(STDERR_FILENO), EventLog.isJournal(descriptor) { throw code }
            throw error
        }
    }
}
