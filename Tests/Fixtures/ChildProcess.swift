import Foundation
import Synchronization

/// A child of this process, started with an empty signal mask and default signal actions. Its output goes to two pipes, or to a file.
///
/// `Foundation.Process` would pass on the signal mask of the Dispatch thread that starts it, and those block every signal.
package struct ChildProcess: Sendable {
    private struct Pipes: Sendable {
        let output: Int32
        let errorOutput: Int32
    }

    package let pid: pid_t
    private let pipes: Pipes?

    /// One start at a time: a pipe that another start opens meanwhile would be inherited unnoticed.
    private static let starting = Mutex<Void>(())

    /// - Parameter logPath: the file to which both outputs are appended; nil for pipes, which have to be read (``readOutput(_:)``).
    package static func start(
        _ path: String, _ arguments: [String], environment: [String: String], logPath: String? = nil
    ) throws -> ChildProcess {
        try starting.withLock { _ in
            if let logPath {
                let log = open(logPath, O_WRONLY | O_CREAT | O_APPEND, 0o644)
                guard log >= 0 else { throw HarnessError("cannot write \(logPath): error \(errno)") }
                defer { close(log) }
                return ChildProcess(pid: try spawn(path, arguments, environment: environment, output: log, errorOutput: log), pipes: nil)
            }
            let (output, errorOutput) = (try pipe(), try pipe())
            defer { for end in [output.write, errorOutput.write] { close(end) } }
            do {
                let pid = try spawn(path, arguments, environment: environment, output: output.write, errorOutput: errorOutput.write)
                return ChildProcess(pid: pid, pipes: Pipes(output: output.read, errorOutput: errorOutput.read))
            } catch {
                for end in [output.read, errorOutput.read] { close(end) }
                throw error
            }
        }
    }

    private static func spawn(
        _ path: String, _ arguments: [String], environment: [String: String], output: Int32, errorOutput: Int32
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errorOutput, STDERR_FILENO)
        // The sandbox's sockets and other children's pipes must not stay open in this child.
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") {
            if let descriptor = Int32(name), descriptor > STDERR_FILENO { posix_spawn_file_actions_addclose(&actions, descriptor) }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        setSignals(&attributes)
        var pid: pid_t = 0
        let argumentTexts = ([path] + arguments).map { strdup($0) }
        let environmentTexts = environment.map { strdup("\($0.key)=\($0.value)") }
        defer { for text in argumentTexts + environmentTexts { free(text) } }
        let code = posix_spawn(&pid, path, &actions, &attributes, argumentTexts + [nil], environmentTexts + [nil])
        guard code == 0 else { throw HarnessError("cannot start \(path): error \(code)") }
        return pid
    }

    private static func setSignals(_ attributes: inout posix_spawnattr_t) {
        var none = sigset_t()
        sigemptyset(&none)
        var standard = sigset_t()
        sigemptyset(&standard)
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGCHLD] { sigaddset(&standard, signal) }
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &standard)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw HarnessError("no pipe: error \(errno)") }
        return (ends[0], ends[1])
    }

    /// Reads both pipes until the child closes them. Blocks: needs a thread of its own.
    package func readOutput(_ take: (_ isError: Bool, _ bytes: ArraySlice<UInt8>) -> Void) {
        guard let pipes else { return }
        var open = [pipes.output, pipes.errorOutput].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !open.isEmpty {
            guard poll(&open, nfds_t(open.count), -1) > 0 else { continue }
            for entry in open where entry.revents != 0 {
                let count = read(entry.fd, &buffer, buffer.count)
                if count > 0 {
                    take(entry.fd == pipes.errorOutput, buffer[..<count])
                } else {
                    close(entry.fd)
                    open.removeAll { $0.fd == entry.fd }
                }
            }
        }
    }

    /// Closes the pipes of a child whose output is not read.
    package func closeOutput() {
        for descriptor in [pipes?.output, pipes?.errorOutput] { if let descriptor { close(descriptor) } }
    }

    /// Returns when the child has ended, without collecting it. Blocks.
    package func waitForEnd() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    }

    /// The exit code, or 128 and the signal's number, as in a shell.
    package func collect() -> Int32 {
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }
}

/// The harness itself failed, not the program.
package struct HarnessError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}
