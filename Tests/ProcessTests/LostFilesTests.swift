import Fixtures
import Foundation
import Sandbox
import Testing

/// The files of the database are changed under the daemon.
@Suite(.serialized) struct LostFilesTests {
    enum Accident: String, CaseIterable {
        case logDeleted, indexDeleted, everythingDeleted, moved, copied, folderMoved
    }

    private func cause(_ accident: Accident, _ scenario: ProgramScenario) throws {
        let (files, path) = (FileManager.default, "\(scenario.directory)/data/app.db")
        switch accident {
        case .logDeleted:
            try files.removeItem(atPath: "\(path)-wal")
            try files.removeItem(atPath: "\(path)-shm")
        case .indexDeleted: try files.removeItem(atPath: "\(path)-shm")
        case .everythingDeleted: for ending in ["", "-wal", "-shm"] { try files.removeItem(atPath: path + ending) }
        case .moved: guard rename("\(scenario.directory)/other.db", path) == 0 else { throw HarnessError("not moved: error \(errno)") }
        case .copied:
            guard let target = FileHandle(forWritingAtPath: path) else { throw HarnessError("cannot write \(path)") }
            try target.truncate(atOffset: 0)
            try target.write(contentsOf: Data(contentsOf: URL(fileURLWithPath: "\(scenario.directory)/other.db")))
            try target.close()
        case .folderMoved:
            try files.moveItem(atPath: "\(scenario.directory)/data", toPath: "\(scenario.directory)/elsewhere")
        }
    }

    /// A database in a folder of its own, and another one beside it, in which `c1` is resolved and `c9` exists.
    private func prepare(_ scenario: ProgramScenario) async throws {
        try scenario.application.close()
        let files = FileManager.default
        try files.createDirectory(atPath: "\(scenario.directory)/data", withIntermediateDirectories: true)
        for target in ["data/app.db", "other.db"] {
            try files.copyItem(atPath: "\(scenario.directory)/convosync.db", toPath: "\(scenario.directory)/\(target)")
            let isOther = target == "other.db"
            try await use("\(scenario.directory)/\(target)") { application in
                try application.write("INSERT INTO conversations (id, title) VALUES ('c1', ?)", [isOther ? "other" : "first"])
                if isOther { try application.write("INSERT INTO conversations (id, title) VALUES ('c9', 'only in the other')") }
            }
        }
        try scenario.write("hook-secret-0123456789", to: "hook.secret")
        try scenario.configure { configuration in
            configuration["database", "path"] = "\"data/app.db\""
            configuration["listen", "address"] = "\"127.0.0.1:0\""
            configuration["remotes.helpdesk.webhook", "secret_file"] = "\"hook.secret\""
            configuration.remove("remotes.fin")
        }
    }

    /// An application that opens the database, writes, and closes it.
    private func use(_ path: String, _ body: @escaping @Sendable (ApplicationDatabase) throws -> Void) async throws {
        let application = try ApplicationDatabase(path: path)
        try await application.onThread(body)
        try application.close()
    }

    @Test(arguments: Accident.allCases)
    func `the daemon reports lost files and ends with 69, and the next one uses the present files`(accident: Accident) async throws {
        try await withScenario { scenario in
            try await prepare(scenario)
            let daemon = try await scenario.startDaemon()
            try await scenario.request("helpdesk", containing: "first")
            // Then the acknowledgement is stored as well.
            #expect(try await eventually { daemon.events("delivery.attempted").contains { $0["remote"] == "helpdesk" } })
            let sent = scenario.writeCount()
            try cause(accident, scenario)
            let ended = try await daemon.end()
            #expect(ended.exitCode == 69)
            let event = try #require(daemon.events("store.replaced").first)
            #expect(daemon.events("store.replaced").count == 1)
            #expect(event["level"] == "error")
            #expect(event["error"]?.string?.contains("app.db") == true)
            #expect(event["hint"]?.string?.isEmpty == false)
            #expect(ended.errorOutput.contains("app.db"))
            #expect(scenario.writeCount() == sent)
            if accident == .folderMoved { rename("\(scenario.directory)/elsewhere", "\(scenario.directory)/data") }
            scenario.world.clearRequests()
            let next = try await scenario.startDaemon()
            switch accident {
            case .moved, .copied: try await scenario.request("helpdesk", containing: "only in the other")
            case .everythingDeleted: break
            default:
                // What was acknowledged before is known, and a new change is sent.
                try await use("\(scenario.directory)/data/app.db") { try $0.write("UPDATE conversations SET title = 'second'") }
                try await scenario.request("helpdesk", containing: "second")
                #expect(scenario.written("helpdesk") == [["conversation_id": "c1", "title": "second"]])
            }
            next.send(SIGTERM)
            #expect(try await next.end().exitCode == 0)
        }
    }

    @Test(arguments: [Accident.logDeleted, .moved, .copied])
    func `a webhook call does not get a 200 if its event would be lost`(accident: Accident) async throws {
        try await withScenario { scenario in
            try await prepare(scenario)
            let daemon = try await scenario.startDaemon()
            let started = try await daemon.event("listen.started")
            let port = try #require(started["address"]?.string?.split(separator: ":").last.flatMap { UInt16($0) })
            let header = "X-Webhook-Key: hook-secret-0123456789"
            let body = #"{"event":"conversation.updated","conversation_id":"c1"}"#
            #expect(try await RawCall.post(port: port, path: "/hooks/helpdesk", header: header, body: body) == 200)
            try cause(accident, scenario)
            let status = try await RawCall.post(port: port, path: "/hooks/helpdesk", header: header, body: body)
            #expect(status == 503 || status == nil)
            #expect(try await daemon.end().exitCode == 69)
        }
    }

    @Test func `sync ends with 69 after its files were lost`() async throws {
        try await withScenario { scenario in
            try await prepare(scenario)
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 1500)], on: "helpdesk")
            let sync = try scenario.start(["sync", "--config", scenario.configurationPath])
            _ = await scenario.world.wait(for: .seconds(30)) { $0.requests(instance: "helpdesk").count == 1 }
            try cause(.moved, scenario)
            let ended = try await sync.end()
            #expect(ended.exitCode == 69)
            #expect(ended.events("store.replaced").count == 1)
        }
    }

    @Test func `writes by applications through SQLite and commands at the same time are not a loss`() async throws {
        try await withScenario { scenario in
            try await prepare(scenario)
            let path = "\(scenario.directory)/data/app.db"
            let daemon = try await scenario.startDaemon()
            for (number, sql) in ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "REINDEX", "PRAGMA wal_checkpoint(RESTART)"].enumerated() {
                try await use(path) { application in
                    try application.write("UPDATE conversations SET title = ?", ["round \(number)"])
                    try application.execute(sql)
                }
                for command in ["status", "check", "plan"] { _ = try await scenario.run(command) }
                try await scenario.request("helpdesk", containing: "round \(number)")
            }
            let source = try ApplicationDatabase(path: "\(scenario.directory)/other.db")
            try await use(path) { try source.queue.backup(to: $0.queue) }
            try await scenario.request("helpdesk", containing: "only in the other")
            #expect(!daemon.hasEnded && daemon.events("store.replaced") == [])
        }
    }
}
