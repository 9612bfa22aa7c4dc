import Fixtures
import Foundation
import SyncCore
import Synchronization
import Testing

@testable import SyncDaemon

/// Token files that are replaced in all the ways that people and programs use.
@Suite struct CredentialWatcherTests {
    /// A directory with a token file, a watcher, and what it reports.
    private struct TokenFile {
        let directory: TemporaryDirectory
        let credentials: Credentials
        let watcher: CredentialWatcher
        /// "told vg" for a replaced file, and the names of log events, in the order of their arrival.
        var news: AsyncStream<String>.Iterator

        init(link: String? = nil, prepare: (String) throws -> Void = { _ in }) async throws {
            directory = try TemporaryDirectory()
            try prepare(directory.path)
            let path = directory.file(link ?? "token")
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
            await watcher.check()
        }

        func write(_ text: String, to name: String = "token", atomically: Bool) throws {
            try text.write(toFile: directory.file(name), atomically: atomically, encoding: .utf8)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [true, false])
    func `a new token is used as soon as its file is written, by rename or in place`(atomically: Bool) async throws {
        var file = try await TokenFile()
        for token in ["second", "third"] {
            let writtenAt = ContinuousClock.now
            try file.write(token, atomically: atomically)
            #expect(await file.news.next() == "credential.changed")
            #expect(file.credentials["vg"]?.token == token)
            #expect(await file.news.next() == "told vg")
            #expect(ContinuousClock.now - writtenAt < .seconds(20))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `a token that is written again unchanged is reported, so that it is tried again`() async throws {
        var file = try await TokenFile()
        try file.write("first", atomically: true)
        #expect(await file.news.next() == "told vg")
    }

    @Test(.timeLimit(.minutes(1))) func `a file without a token is reported once, and the former token stays in use`() async throws {
        var file = try await TokenFile()
        try file.write("two words", atomically: true)
        #expect(await file.news.next() == "credential.rejected")
        #expect(file.credentials["vg"]?.token == "first")
        await file.watcher.check()
        try FileManager.default.removeItem(atPath: file.directory.file("token"))
        #expect(await file.news.next() == "credential.rejected")
        try file.write("second", atomically: false)
        #expect(await file.news.next() == "credential.changed")
        #expect(file.credentials["vg"]?.token == "second")
    }

    @Test(.timeLimit(.minutes(1))) func `a symbolic link that is pointed to another file is followed, as with mounted secrets`()
        async throws
    {
        // token → ..data/token, ..data → one, as Kubernetes lays secrets out.
        var file = try await TokenFile(link: "token") { directory in
            let manager = FileManager.default
            for (folder, token) in [("one", "first"), ("two", "second")] {
                try manager.createDirectory(atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
                try token.write(toFile: "\(directory)/\(folder)/token", atomically: false, encoding: .utf8)
            }
            try manager.createSymbolicLink(atPath: "\(directory)/..data", withDestinationPath: "one")
            try manager.createSymbolicLink(atPath: "\(directory)/token", withDestinationPath: "..data/token")
        }
        try FileManager.default.createSymbolicLink(atPath: file.directory.file("fresh"), withDestinationPath: "two")
        #expect(rename(file.directory.file("fresh"), file.directory.file("..data")) == 0)
        #expect(await file.news.next() == "credential.changed")
        #expect(file.credentials["vg"]?.token == "second")
        #expect(await file.news.next() == "told vg")
        try file.write("third", to: "two/token", atomically: true)
        #expect(await file.news.next() == "credential.changed")
        #expect(file.credentials["vg"]?.token == "third")
    }

    @Test(.timeLimit(.minutes(1))) func `a directory that is replaced as a whole is noticed, and watched from then on`() async throws {
        var file = try await TokenFile(link: "inner/token") { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/inner", withIntermediateDirectories: true)
            try "first".write(toFile: "\(directory)/inner/token", atomically: false, encoding: .utf8)
        }
        try FileManager.default.createDirectory(atPath: file.directory.file("fresh"), withIntermediateDirectories: true)
        try file.write("second", to: "fresh/token", atomically: true)
        try FileManager.default.moveItem(atPath: file.directory.file("inner"), toPath: file.directory.file("former"))
        try FileManager.default.moveItem(atPath: file.directory.file("fresh"), toPath: file.directory.file("inner"))
        #expect(await file.news.next() == "credential.changed")
        #expect(await file.news.next() == "told vg")
        try file.write("third", to: "inner/token", atomically: true)
        #expect(await file.news.next() == "credential.changed")
    }

    @Test(.timeLimit(.minutes(1))) func `the first run finds a token that was replaced before it`() async throws {
        var file = try await TokenFile()
        let credentials = Credentials(["vg": Credential(token: "stale")])
        let path = file.directory.file("token")
        let log = EventLog(.init(), hasPriorityPrefix: false, output: { _ in })
        await CredentialWatcher(["vg": .file(path: path)], credentials: credentials, log: log, onChange: { _ in }).check()
        #expect(credentials["vg"]?.token == "first")
        try file.write("second", atomically: true)
        #expect(await file.news.next() == "credential.changed")
    }

    @Test func `a token from the environment is not watched`() async throws {
        let credentials = Credentials(["vg": Credential(token: "t")])
        let log = EventLog(.init(), hasPriorityPrefix: false, output: { Issue.record("\($0)") })
        await CredentialWatcher(
            ["vg": .environment(variable: "T")], credentials: credentials, log: log, onChange: { Issue.record("\($0)") }
        ).check()
        #expect(credentials["vg"]?.token == "t")
    }
}
