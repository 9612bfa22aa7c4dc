import Foundation

/// The `convosync` program in the folder of this one.
final class Program {
    let logPath: String
    let service = ServiceProcess()
    private let configuration: URL
    private let executable: URL
    private var daemon: Process?

    init(configuration: URL, logPath: String) {
        self.configuration = configuration
        self.logPath = logPath
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        executable = own.deletingLastPathComponent().appendingPathComponent("convosync")
    }

    var path: String { executable.path }

    /// Runs a command to its end and returns its output.
    func command(_ arguments: String...) throws -> String {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments + ["--config", configuration.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .newlines)
    }

    /// Starts the service, also after it was stopped; the log is continued.
    func startDaemon() throws {
        if !FileManager.default.fileExists(atPath: logPath) {
            guard FileManager.default.createFile(atPath: logPath, contents: nil) else {
                throw DemoFailure(description: "cannot write \(logPath)")
            }
        }
        guard let log = FileHandle(forWritingAtPath: logPath) else { throw DemoFailure(description: "cannot write \(logPath)") }
        try log.seekToEnd()
        let process = Process()
        process.executableURL = executable
        process.arguments = ["run", "--config", configuration.path]
        process.standardOutput = log
        try process.run()
        service.started(process.processIdentifier)
        daemon = process
        print("$ convosync run   (log: \(logPath))\n")
    }

    /// The lines that the daemon has written so far.
    func logLines() throws -> [Substring] {
        try String(contentsOfFile: logPath, encoding: .utf8).split(separator: "\n")
    }

    /// The address on which the daemon listens for webhook calls. The system chooses the port at every start.
    func listenAddress() async throws -> String {
        let mark = "address="
        for _ in 0..<100 {
            for line in try logLines().reversed() where line.contains("event=listen.started") {
                if let field = line.split(separator: " ").first(where: { $0.hasPrefix(mark) }) {
                    return String(field.dropFirst(mark.count))
                }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw DemoFailure(description: "the service does not listen; see \(logPath)")
    }

    /// Sends SIGTERM, and returns the exit code.
    func stopDaemon() async throws -> Int32 {
        guard let daemon else { return 0 }
        daemon.terminate()
        for _ in 0..<300 where daemon.isRunning { try await Task.sleep(for: .milliseconds(100)) }
        guard !daemon.isRunning else { throw DemoFailure(description: "the service does not stop") }
        service.ended()
        self.daemon = nil
        return daemon.terminationStatus
    }

    /// Sends SIGKILL; returns the process id if there was a process to kill.
    @discardableResult func kill() -> Int32? {
        guard let daemon, daemon.isRunning else { return nil }
        service.kill()
        daemon.waitUntilExit()
        self.daemon = nil
        return daemon.processIdentifier
    }
}
