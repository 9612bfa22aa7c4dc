import Fixtures
import Foundation

/// The system's counters of a process (proc(5)).
extension ConvosyncProcess {
    /// System calls that write, of all kinds.
    func writeCalls() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/io", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("syscw:") }
        guard let count = line?.split(separator: " ").last.flatMap({ Int($0) }) else { throw HarnessError("no count in \(text)") }
        return count
    }

    /// As proc_pid_stat(5) has it: `R`, `S`, `T` for stopped, …
    func state() throws -> String {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        return String(text.split(separator: ")").last?.split(separator: " ").first ?? "")
    }

    /// In seconds, of all its threads.
    func processorTime() throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        // After the name, which may contain anything: utime and stime are fields 14 and 15.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw HarnessError("no time in \(text)")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
