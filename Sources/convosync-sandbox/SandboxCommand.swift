import ArgumentParser
import FoundationEssentials
import Sandbox

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `write(2)`, because `write` inside the command is the command's own function.
private let systemWrite = write

/// Runs the four simulated remote systems until it is stopped.
@main
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convosync-sandbox",
        abstract: "Simulates the four remote systems that convosync talks to, with faults on demand.",
        discussion: """
            One process serves \(SimulatedKind.listing) under paths of these names; a suffix such as -eu makes a \
            second instance. Faults, options, acts and reports are under /_control/. Prints one line when it is ready.
            """
    )

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port to listen on; 0 lets the system pick one.")
    var port = 0

    @Option(help: ArgumentHelp("Writes the port's number to this file when the sandbox is ready.", valueName: "path"))
    var portFile: String?

    @Option(help: "The bearer token that clients must send.")
    var token = "sandbox-token"

    @Option(help: ArgumentHelp("Appends every finished request to this file, one JSON object a line.", valueName: "path"))
    var record: String?

    @Option(help: "How many requests are recorded in memory; those beyond are only counted.")
    var recordLimit = 200_000

    @Option(help: "The seed for faults with a probability.")
    var seed: UInt64 = 1

    @Option(help: "How many event loops to run.")
    var threads = 1

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be from 0 to 65535") }
        guard recordLimit >= 0 else { throw ValidationError("--record-limit must not be negative") }
        guard (1...64).contains(threads) else { throw ValidationError("--threads must be from 1 to 64") }
        guard !token.isEmpty else { throw ValidationError("--token must not be empty") }
    }

    func run() async throws {
        // Created first: a signal that arrives while the server starts must stop it as well.
        let signals = StopSignals()
        var configuration = SandboxConfiguration()
        configuration.host = host
        configuration.port = port
        configuration.token = token
        configuration.recordLimit = recordLimit
        configuration.recordFile = record
        configuration.seed = seed
        configuration.threads = threads
        let server: SandboxServer
        do {
            server = try await SandboxServer.start(configuration)
        } catch {
            Self.write("convosync-sandbox: cannot start on \(host):\(port): \(error)\n", to: 2)
            throw ExitCode.failure
        }
        if let portFile {
            try Data("\(server.port)\n".utf8).write(to: URL(filePath: portFile), options: .atomic)
        }
        // Written without buffering, because the process that started the sandbox waits for this line.
        Self.write("convosync-sandbox ready url=\(server.url)\n", to: 1)
        await signals.wait()
        await server.stop()
    }

    private static func write(_ line: String, to descriptor: Int32) {
        Array(line.utf8).withUnsafeBytes { bytes in
            _ = systemWrite(descriptor, bytes.baseAddress, bytes.count)
        }
    }
}
