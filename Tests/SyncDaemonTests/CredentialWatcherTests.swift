import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

/// Token files that are replaced in all the ways that people and programs use.
@Suite struct CredentialWatcherTests {
    /// A directory with a token file, a watcher, and what it reports.
    private struct Bench {
        let directory: String
        let credentials: Credentials
        let watcher: CredentialWatcher
        /// "told vg" for a replaced file, and the names of log events, in the order of their arrival.
        var news: AsyncStream<String>.Iterator

        init(link: String? = nil, prepare: (String) throws -> Void = { _ in }) async throws {
            directory = FileManager.default.temporaryDirectory.appendingPathComponent("convosync-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            try prepare(directory)
            let path = "\(directory)/\(link ?? "token")"
            if link == nil { try "first".write(toFile: path, atomically: false, encoding: .utf8) }
            credentials = Credentials(["vg": try CredentialSource.file(path: path).read()])
            let (stream, continuation) = AsyncStream.makeStream(of: String.self)
            news = stream.makeAsyncIterator()
            let output: @Sendable (String) -> Void = { line in
                let name = line.split(separator: " ").first { $0.hasPrefix("event=") }?.dropFirst(6)
                continuation.yield(String(name ?? "?"))
            }
            let log = EventLog(.init(), hasPriorityPrefix: false, output: output)
            watcher = CredentialWatcher(["vg": .file(path: path)], credentials: credentials, log: log) { names in
                for name in names { continuation.yield("told \(name)") }
            }
            await watcher.runBegins()
        }

        func write(_ text: String, to name: String = "token", atomically: Bool) throws {
            try text.write(toFile: "\(directory)/\(name)", atomically: atomically, encoding: .utf8)
        }

        func close() { try? FileManager.default.removeItem(atPath: directory) }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `a new token is used as soon as its file is written, by rename or in place`(atomically: Bool) async throws {
        var bench = try await Bench()
        for token in ["second", "third"] {
            let writtenAt = ContinuousClock.now
            try bench.write(token, atomically: atomically)
            #expect(await bench.news.next() == "credential.changed")
            #expect(bench.credentials["vg"]?.token == token)
            #expect(await bench.news.next() == "told vg")
            #expect(ContinuousClock.now - writtenAt < .seconds(20))
        }
        bench.close()
    }

    @Test(.timeLimit(.minutes(1))) func `a token that is written again unchanged is reported, so that it is tried again`() async throws {
        var bench = try await Bench()
        try bench.write("first", atomically: true)
        #expect(await bench.news.next() == "told vg")
        bench.close()
    }

    @Test(.timeLimit(.minutes(1))) func `a file without a token is reported once, and the former token stays in use`() async throws {
        var bench = try await Bench()
        try bench.write("two words", atomically: true)
        #expect(await bench.news.next() == "credential.rejected")
        #expect(bench.credentials["vg"]?.token == "first")
        await bench.watcher.runBegins()
        try FileManager.default.removeItem(atPath: "\(bench.directory)/token")
        #expect(await bench.news.next() == "credential.rejected")
        try bench.write("second", atomically: false)
        #expect(await bench.news.next() == "credential.changed")
        #expect(bench.credentials["vg"]?.token == "second")
        bench.close()
    }

    @Test(.timeLimit(.minutes(1))) func `a symbolic link that is pointed to another file is followed, as with mounted secrets`()
        async throws
    {
        // token → ..data/token, ..data → one, as Kubernetes lays secrets out.
        var bench = try await Bench(link: "token") { directory in
            let manager = FileManager.default
            for (folder, token) in [("one", "first"), ("two", "second")] {
                try manager.createDirectory(atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
                try token.write(toFile: "\(directory)/\(folder)/token", atomically: false, encoding: .utf8)
            }
            try manager.createSymbolicLink(atPath: "\(directory)/..data", withDestinationPath: "one")
            try manager.createSymbolicLink(atPath: "\(directory)/token", withDestinationPath: "..data/token")
        }
        try FileManager.default.createSymbolicLink(atPath: "\(bench.directory)/fresh", withDestinationPath: "two")
        #expect(rename("\(bench.directory)/fresh", "\(bench.directory)/..data") == 0)
        #expect(await bench.news.next() == "credential.changed")
        #expect(bench.credentials["vg"]?.token == "second")
        #expect(await bench.news.next() == "told vg")
        try bench.write("third", to: "two/token", atomically: true)
        #expect(await bench.news.next() == "credential.changed")
        #expect(bench.credentials["vg"]?.token == "third")
        bench.close()
    }

    @Test(.timeLimit(.minutes(1))) func `a directory that is replaced as a whole is found again by the next run`() async throws {
        var bench = try await Bench(link: "inner/token") { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/inner", withIntermediateDirectories: true)
            try "first".write(toFile: "\(directory)/inner/token", atomically: false, encoding: .utf8)
        }
        try FileManager.default.moveItem(atPath: "\(bench.directory)/inner", toPath: "\(bench.directory)/former")
        try FileManager.default.createDirectory(atPath: "\(bench.directory)/inner", withIntermediateDirectories: true)
        try bench.write("second", to: "inner/token", atomically: true)
        await bench.watcher.runBegins()
        #expect(await bench.news.next() == "credential.changed")
        #expect(await bench.news.next() == "told vg")
        try bench.write("third", to: "inner/token", atomically: true)
        #expect(await bench.news.next() == "credential.changed")
        bench.close()
    }

    @Test(.timeLimit(.minutes(1))) func `the first run finds a token that was replaced before it`() async throws {
        var bench = try await Bench()
        let credentials = Credentials(["vg": Credential(token: "stale")])
        let path = "\(bench.directory)/token"
        let log = EventLog(.init(), hasPriorityPrefix: false, output: { _ in })
        await CredentialWatcher(["vg": .file(path: path)], credentials: credentials, log: log, onChange: { _ in }).runBegins()
        #expect(credentials["vg"]?.token == "first")
        try bench.write("second", atomically: true)
        #expect(await bench.news.next() == "credential.changed")
        bench.close()
    }

    @Test func `a token from the environment is not watched`() async throws {
        let credentials = Credentials(["vg": Credential(token: "t")])
        let log = EventLog(.init(), hasPriorityPrefix: false, output: { Issue.record("\($0)") })
        await CredentialWatcher(
            ["vg": .environment(variable: "T")], credentials: credentials, log: log, onChange: { Issue.record("\($0)") }
        ).runBegins()
        #expect(credentials["vg"]?.token == "t")
    }
}
