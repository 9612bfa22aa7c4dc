import FoundationEssentials
import Glibc
import SyncCore
import SyncStore

extension ProcessIdentity {
    /// This process, as /proc describes it.
    package static func current() -> ProcessIdentity {
        ProcessIdentity(
            bootID: systemBootID, pidNamespace: systemPIDNamespace, pid: Int64(getpid()),
            startedTicks: Entry(pid: Int64(getpid()))?.startedTicks ?? 0)
    }

    /// True only for a process of this machine and this pid namespace that certainly does not run any more. From inside another
    /// container nothing can be said, and its leases run out by time.
    package static func isGone(_ process: ProcessIdentity) -> Bool {
        if process.bootID != systemBootID { return !systemBootID.isEmpty && !process.bootID.isEmpty }
        guard process.pidNamespace == systemPIDNamespace, !systemPIDNamespace.isEmpty else { return false }
        if let entry = Entry(pid: process.pid) { return entry.isOver || entry.startedTicks != process.startedTicks }
        // /proc may hide what belongs to other users (ProtectProc=invisible); a signal that is refused has found the process.
        guard let pid = pid_t(exactly: process.pid), pid > 0 else { return true }
        return kill(pid, 0) != 0 && errno == ESRCH
    }

    /// Whether ``isGone(_:)`` can tell for certain: the process is of this machine, and not of another container.
    package static func isVisible(_ process: ProcessIdentity) -> Bool {
        process.bootID == systemBootID && process.pidNamespace == systemPIDNamespace && !systemPIDNamespace.isEmpty
    }

    private static let systemBootID: String = text(of: "/proc/sys/kernel/random/boot_id")

    /// Empty where /proc is not to be had: then nothing is said of other processes.
    private static let systemPIDNamespace: String = {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        } catch {
            return ""
        }
    }()

    /// What /proc/PID/stat says of a process (proc_pid_stat(5)); the name in field 2 may hold spaces and parentheses.
    private struct Entry {
        /// A process that has ended and that nobody has waited for is in the list all the same: its state is `Z`, or `X`.
        var isOver: Bool
        /// Field 22.
        var startedTicks: Int64

        init?(pid: Int64) {
            let stat = ProcessIdentity.text(of: "/proc/\(pid)/stat")
            guard let nameEnd = stat.lastIndex(of: ")") else { return nil }
            let fields = stat[nameEnd...].split(separator: " ")
            guard fields.count > 20, let ticks = Int64(fields[20]) else { return nil }
            isOver = fields[1] == "Z" || fields[1] == "X"
            startedTicks = ticks
        }
    }

    /// Empty if the file cannot be read.
    static func text(of path: String) -> String {
        (FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? "").withoutOuterWhiteSpace
    }
}
