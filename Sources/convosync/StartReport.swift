import ArgumentParser
import Glibc
import SyncCore
import SyncDaemon

/// Logs that `run` or `sync` could not start (`service.failed`), in the configured format. The text is also written to standard error, unless that is
/// the journal, where the event is enough.
struct StartReport {
    let command: String
    let configurationPath: String
    /// The descriptor that the log is written to.
    let descriptor: Int32

    /// How long to wait for a log that is not read.
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
