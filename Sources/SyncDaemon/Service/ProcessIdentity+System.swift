import Foundation
import SyncStore

extension ProcessIdentity {
    /// This process, as /proc describes it.
    package static func current() -> ProcessIdentity {
        ProcessIdentity(
            bootID: systemBootID, pidNamespace: systemPIDNamespace, pid: Int64(getpid()),
            startedTicks: startedTicks(of: Int64(getpid())) ?? 0)
    }

    /// True only for a process of this machine and this pid namespace that certainly does not run any more. From inside another
    /// container nothing can be said, and its leases run out by time.
    package static func isGone(_ process: ProcessIdentity) -> Bool {
        if process.bootID != systemBootID { return !systemBootID.isEmpty && !process.bootID.isEmpty }
        guard process.pidNamespace == systemPIDNamespace, !systemPIDNamespace.isEmpty else { return false }
        if let ticks = startedTicks(of: process.pid) { return ticks != process.startedTicks }
        // /proc may hide what belongs to other users (ProtectProc=invisible); a signal that is refused has found the process.
        guard let pid = pid_t(exactly: process.pid), pid > 0 else { return true }
        return kill(pid, 0) != 0 && errno == ESRCH
    }

    private static let systemBootID: String = text(of: "/proc/sys/kernel/random/boot_id")

    private static let systemPIDNamespace: String =
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""

    /// Field 22 of /proc/PID/stat (proc_pid_stat(5)); the name in field 2 may hold spaces and parentheses.
    private static func startedTicks(of pid: Int64) -> Int64? {
        let stat = text(of: "/proc/\(pid)/stat")
        guard let nameEnd = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[nameEnd...].split(separator: " ")
        return fields.count > 20 ? Int64(fields[20]) : nil
    }

    private static func text(of path: String) -> String {
        (FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? "")
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
