import ArgumentParser
import Glibc
import SyncCore
import SyncDaemon
import SyncStore

struct Sync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Do one run now, then exit.",
        discussion: """
            Everything due is attempted once, and calls end by themselves, however short --drain is.

            Exits with 65 when a row became dead, with 75 when work still waits: for another attempt, or to be planned.
            """)

    @OptionGroup var options: ConfigurationOptions
    @OptionGroup var output: OutputOptions
    @Option(help: ArgumentHelp("Go on through retries for up to that long.", valueName: "seconds"))
    var drain: Double?

    /// A thousand days, in seconds.
    private static let longestDrain = 86_400_000.0

    func validate() throws {
        if let drain, !(0...Sync.longestDrain).contains(drain) {
            throw ValidationError("--drain takes a number of seconds from 0 to \(Int(Sync.longestDrain))")
        }
    }

    func run() async throws {
        let outcome = try await reportingErrors { () async throws -> OneShot.Outcome in
            // The log goes to standard output, which with --json is reserved for the result.
            let descriptor = output.json ? STDERR_FILENO : STDOUT_FILENO
            let start = StartReport(command: "sync", configurationPath: options.path, descriptor: descriptor)
            let configuration = try await start.reporting { try options.load(needsCredentials: true) }
            let log = EventLog(configuration.log, descriptor: descriptor)
            // A log reader that goes away must not interrupt calls.
            signal(SIGPIPE, SIG_IGN)
            let span = drain.map { Duration.milliseconds(Int64($0 * 1000)) }
            // A pager may read the lines slowly.
            let patience = configuration.schedule.shutdownTimeout
            do {
                let outcome = try await start.reporting(to: log, database: configuration.databasePath) {
                    try await OneShot(configuration: configuration, log: log).run(drain: span) { Terminal.showProgress($0) }
                }
                await log.flush(within: .days(1), stall: patience)
                return outcome
            } catch {
                await log.flush(within: patience, stall: patience)
                throw error
            }
        }
        if Terminal.errorIsTerminal { Terminal.showProgress("") }
        if output.json { print(outcome.json.printableText) } else { Terminal.print(outcome.text) }
        if outcome.error != nil { throw ExitCode.databaseUnavailable }
        if outcome.counts.dead > 0 { throw ExitCode.rowsBecameDead }
        if outcome.waiting > 0 || outcome.unplanned > 0 { throw ExitCode.workStillWaits }
    }
}

extension OneShot.Outcome {
    var json: JSONValue {
        [
            "runs": .integer(Int64(runs)), "examined": .integer(Int64(counts.examined)), "planned": .integer(Int64(counts.planned)),
            "delivered": .integer(Int64(counts.delivered)), "put_back": .integer(Int64(counts.putBack)),
            "dead": .integer(Int64(counts.dead)), "waiting": .integer(Int64(waiting)), "held": .integer(Int64(held)),
            "unplanned": .integer(Int64(unplanned)), "next_due": .nullable(nextDue?.iso8601), "error": .nullable(error),
        ]
    }

    var text: String {
        var parts = ["\(counts.delivered) delivered", "\(counts.planned) planned", "\(counts.examined) examined"]
        if counts.putBack > 0 { parts.append("\(counted(counts.putBack, "attempt")) put back") }
        if counts.dead > 0 {
            parts.append("\(counts.dead) \(counts.dead == 1 ? "needs" : "need") a person (convosync outbox list --state dead)")
        }
        if held > 0 { parts.append("\(held) held") }
        if waiting > 0 { parts.append("\(waiting) waiting\(nextDue.map { ", next at \($0.iso8601)" } ?? "")") }
        if unplanned > 0 { parts.append("\(counted(unplanned, "change")) not planned yet") }
        if let error { parts.append("stopped by an error: \(error)") }
        return parts.joined(separator: ", ")
    }
}
