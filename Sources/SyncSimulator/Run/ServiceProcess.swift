import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

/// A process of the service: an engine over a connection of its own, and what is lost when the process is killed.
final class ServiceProcess {
    /// How it was started.
    enum Command {
        /// `convosync run`.
        case run
        /// `convosync sync`, beside the daemon or alone: ends by itself.
        case sync
    }

    /// Its place among all processes of the simulation, from 1.
    let number: Int
    let command: Command
    let startedAt: Duration
    let mount: DiskMount
    let store: Store
    /// The identity under which the store knows it.
    var storedID: Int64 = 0
    /// Nil until it has started, and when it has ended.
    var engine: Engine?
    /// The configuration that it has read.
    var configured: [Remote]
    var parties: Parties
    /// The number of the alarm that counts.
    var alarm = 0
    /// The exchange without a result so far; the database may have committed it already.
    var exchange: (exchange: SyncCore.Exchange, parties: Parties, isCarriedOut: Bool)?
    /// Until when calls may take after a request to stop.
    var stopBy: Duration?
    var nextTicket: UInt64 = 0
    /// The webhook calls whose sender waits for a response, by ticket.
    var hooks: [UInt64: (call: SandboxModel.WebhookCall?, remote: String, keys: [String])] = [:]
    var clockSteps = ClockSteps()
    /// When the drain with a deadline that is not over began, by the wall clock, and its deadline.
    var drain: (beganAt: Instant, until: Duration)?
    /// What the last drain that ended had done.
    var drained: Engine.DrainSummary?

    init(
        _ number: Int, _ command: Command, on disk: SimulatedDisk, _ configured: [Remote], _ parties: Parties, at moment: Duration
    ) throws(StoreError) {
        (self.number, self.command, startedAt) = (number, command, moment)
        mount = DiskMount(disk)
        store = try Store(path: Application.path, access: .serving, vfs: mount.name)
        (self.configured, self.parties) = (configured, parties)
    }

    /// Gives up its connection.
    /// - Parameter isKilled: nothing of it is left but what it has written.
    func end(isKilled: Bool) {
        engine = nil
        if isKilled { mount.kill() }
        store.close()
    }

    deinit {
        store.close()
    }
}

extension ServiceProcess: CustomStringConvertible {
    var description: String { command == .run ? "daemon \(number)" : "sync \(number)" }
}
