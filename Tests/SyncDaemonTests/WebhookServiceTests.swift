import Fixtures
import Foundation
import Sandbox
import SyncCore
import SyncRemotes
import SyncStore
import Synchronization
import Testing

@testable import SyncDaemon

/// The listener as the service uses it: from a configuration, into a real database, called by simulated remotes.
@Suite struct WebhookServiceTests {
    private final class Watch: Sendable {
        private let moment = Mutex(SystemClock.now())
        var now: Instant { moment.withLock { $0 } }
        func skip(_ span: Duration) { moment.withLock { $0 = $0 + span } }
    }

    private final class Site: Sendable {
        let scenario: DaemonScenario
        let record = Hooks.Record()
        let service: WebhookService
        private let clock = Watch()

        var directory: TemporaryDirectory { scenario.directory }

        init() throws {
            scenario = try DaemonScenario(tables: Site.tables(webhooks: []))
            let (store, record, clock) = (scenario.store, record, clock)
            service = WebhookService(
                receive: { notices, remote in
                    let new = try await store.take(
                        notices, from: remote, now: SystemClock.now(), for: Parties([], brake: .init(), isGone: { _ in false }))
                    if new > 0 { record.state.change { $0.news += 1 } }
                    return new
                }, log: Hooks.log(into: record), now: { clock.now })
            for name in ["token", "hook"] { try write(Hooks.secret, to: name) }
        }

        func write(_ text: String, to name: String) throws { try directory.write(text, to: name) }

        private static func tables(address: String = "127.0.0.1:0", webhooks: [String]) -> String {
            var text = webhooks.isEmpty ? "" : "[listen]\naddress = \"\(address)\"\n"
            for name in ["fin", "vg", "voicebot", "helpdesk"] {
                text += "[remotes.\(name)]\nurl = \"https://x.example.com\"\ntoken_file = \"token\"\n"
                if webhooks.contains(name) { text += "webhook = { secret_file = \"hook\" }\n" }
            }
            return text
        }

        func configuration(address: String = "127.0.0.1:0", webhooks: [String] = ["fin", "vg", "voicebot", "helpdesk"]) throws
            -> SyncDaemon.Configuration
        {
            try scenario.configured(tables: Site.tables(address: address, webhooks: webhooks))
        }

        func adopt(_ configuration: SyncDaemon.Configuration) async throws {
            await service.adopt(try await service.prepare(configuration))
        }

        func skip(_ span: Duration) { clock.skip(span) }

        var news: Int { record.state.value.news }
        var lines: [String] { record.lines }

        /// Links that were acknowledged.
        func know(_ links: [(remote: String, id: String, agent: String?)]) throws {
            for link in links {
                try scenario.write(
                    "INSERT INTO link_state (conversation_id, remote, target_id, target_agent) VALUES (?, ?, ?, ?)",
                    [link.id, link.remote, link.id, link.agent])
            }
        }

        func stop() async {
            await service.stop()
            #expect(!lines.contains { $0.contains("canary") }, "\(lines)")
        }
    }

    @Test func `events of all four remotes are stored once each`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        guard case .tcp(_, let port) = await site.service.address else { return #expect(Bool(false)) }
        let sandbox = try await SandboxServer.start()
        for name in ["fin", "vg", "voicebot", "helpdesk"] {
            try sandbox.world.setWebhook(WebhookTarget(url: "http://127.0.0.1:\(port)/hooks/\(name)", secret: Hooks.secret), on: name)
        }
        try sandbox.world.seed([["conversation": "17"]], on: "voicebot")
        try sandbox.world.seed([["agent": "a1", "conversation": "v1"], ["agent": "a1", "conversation": "v2"]], on: "vg")
        try sandbox.world.seed([["conversation": "c1"]], on: "helpdesk")
        // Only linked objects have to be read; vg reports every conversation that it has.
        try site.know([("helpdesk", "c1", nil), ("vg", "v1", "a1")])
        try sandbox.act(["agent": "a1", "conversation": "v2", "state": "human-chatting"], on: "vg")
        try sandbox.act(["conversation": "c1", "status": "escalated"], on: "fin")
        try sandbox.act(["conversation": "c1", "reply": "<p>\(Hooks.text)</p>".sandboxJSON], on: "fin")
        try sandbox.act(["conversation": "17", "status": "done"], on: "voicebot")
        try sandbox.act(["agent": "a1", "conversation": "v1", "state": "human-chatting"], on: "vg")
        try sandbox.act(["conversation": "c1", "status": "closed"], on: "helpdesk")
        #expect(await site.record.wait { $0.news >= 5 })
        await sandbox.stop()
        #expect(
            try site.scenario.texts(
                "SELECT kind || ' ' || conversation_id || ' ' || COALESCE(payload ->> 'word', payload ->> 'body') FROM inbox ORDER BY id")
                == ["status c1 escalated", "message c1 <p>\(Hooks.text)</p>", "status c1 awaiting_user_reply"])
        #expect(
            try site.scenario.texts("SELECT remote || ' ' || remote_id || ' ' || agent_id FROM read_requests ORDER BY remote")
                == ["helpdesk c1 ", "vg v1 a1", "voicebot  "])
        await site.stop()
        #expect(site.lines.contains { $0.contains("event=listen.started address=127.0.0.1:\(port) remotes=fin,helpdesk,vg,voicebot") })
    }

    @Test func `a repeated event is stored once, and is new once`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let address = try #require(await site.service.address)
        for _ in 0..<3 {
            for body in [Hooks.reply("c1"), Hooks.status("c1"), Hooks.status("c1", "resolved")] {
                #expect(try await Hooks.call(address, Hooks.fin(body)).status == 200)
            }
        }
        #expect(try site.scenario.texts("SELECT event_key FROM inbox").count == 3)
        await site.stop()
        #expect(site.news == 3)
    }

    @Test func `an event gets a 503 while the database cannot store it`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let address = try #require(await site.service.address)
        try site.scenario.write("ALTER TABLE inbox RENAME TO elsewhere")
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 503)
        try site.scenario.write("ALTER TABLE elsewhere RENAME TO inbox")
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 200)
        await site.stop()
    }

    @Test func `another secret and other remotes take effect without closing the address`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let address = try #require(await site.service.address)
        try site.write("canary-rotated", to: "hook")
        try await site.adopt(try site.configuration(webhooks: ["fin"]))
        #expect(await site.service.address == address)
        // The former secret counts for five more minutes, and a further reload does not extend them.
        for _ in 0..<2 {
            #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 200)
            #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"), secret: "canary-rotated")).status == 200)
            site.skip(.minutes(3))
            try await site.adopt(try site.configuration(webhooks: ["fin"]))
        }
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 401)
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"), secret: "canary-rotated")).status == 200)
        #expect(try await Hooks.call(address, Hooks.request("HEAD", "/hooks/vg")).status == 404)
        try await site.adopt(try site.configuration(webhooks: []))
        #expect(await site.service.address == nil)
        #expect(throws: RawConnection.Failure.self) { try RawConnection(address) }
        await site.stop()
    }

    @Test(.timeLimit(.minutes(1))) func `a secret whose file is replaced takes effect by itself, and the former one counts for 5 minutes`()
        async throws
    {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let address = try #require(await site.service.address)
        let (former, fresh) = (Hooks.fin(Hooks.status("c1")), Hooks.fin(Hooks.status("c1"), secret: "canary-rotated"))
        #expect(try await Hooks.call(address, fresh).status == 401)
        try site.write("canary-rotated", to: "hook")
        #expect(await site.record.wait { $0.lines.contains { $0.contains("event=webhook.secret_changed remote=fin") } })
        while try await Hooks.call(address, fresh).status != 200 {}
        #expect(try await Hooks.call(address, former).status == 200)
        site.skip(.minutes(5))
        #expect(try await Hooks.call(address, former).status == 401)
        #expect(try await Hooks.call(address, fresh).status == 200)
        // An invalid secret leaves the present one in use.
        try site.write("two words", to: "hook")
        #expect(await site.record.wait { $0.lines.contains { $0.contains("event=webhook.secret_rejected remote=fin") } })
        #expect(try await Hooks.call(address, fresh).status == 200)
        await site.stop()
    }

    @Test func `a configuration that cannot take effect leaves everything as it is`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let address = try #require(await site.service.address)
        let other = try await Hooks.start()
        let taken = try site.configuration(address: other.listener.address.description)
        await #expect(throws: ConfigurationError.self) { _ = try await site.service.prepare(taken) }
        try FileManager.default.removeItem(atPath: site.directory.file("hook"))
        let error = await #expect(throws: ConfigurationError.self) { _ = try await site.service.prepare(try site.configuration()) }
        #expect(error?.problems.count == 4)
        #expect(error?.problems.first?.description.hasPrefix("remotes.fin.webhook: secret_file ") == true)
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 200)
        await other.stop()
        await site.stop()
        #expect(
            site.lines.contains { $0.contains("event=listen.failed address=\(taken.listen?.address.description ?? "")") }, "\(site.lines)")
    }

    @Test func `another host with the same port is refused with the reason, and the address in force stays`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let address = try #require(await site.service.address)
        guard case .tcp(_, let port) = address else { return #expect(Bool(false)) }
        let wider = try site.configuration(address: "0.0.0.0:\(port)")
        let error = await #expect(throws: ConfigurationError.self) { _ = try await site.service.prepare(wider) }
        #expect(
            error?.problems.first?.description
                == "listen.address: cannot listen on 0.0.0.0:\(port): this service itself listens on that port, at 127.0.0.1:\(port); "
                + "another host with the same port takes a restart")
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 200)
        await site.stop()
    }

    @Test func `a former secret counts for the rest of its five minutes after a change of the address`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        try site.write("canary-rotated", to: "hook")
        try await site.adopt(try site.configuration())
        site.skip(.minutes(3))
        try await site.adopt(try site.configuration(address: "unix:hooks.sock"))
        let address = try #require(await site.service.address)
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 200)
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"), secret: "canary-rotated")).status == 200)
        site.skip(.minutes(2))
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 401)
        await site.stop()
    }

    @Test func `after a change of the address only the new one accepts connections`() async throws {
        let site = try Site()
        try await site.adopt(try site.configuration())
        let former = try #require(await site.service.address)
        let plan = try await site.service.prepare(try site.configuration(address: "unix:hooks.sock"))
        #expect(try await Hooks.call(former, Hooks.request("HEAD", "/hooks/fin")).status == 200, "until the plan is adopted")
        await site.service.adopt(plan)
        let address = try #require(await site.service.address)
        #expect(try await Hooks.call(address, Hooks.fin(Hooks.status("c1"))).status == 200)
        #expect(throws: RawConnection.Failure.self) { try RawConnection(former) }
        let unwanted = try await site.service.prepare(try site.configuration(address: "unix:other.sock"))
        await site.service.discard(unwanted)
        #expect(!FileManager.default.fileExists(atPath: site.directory.file("other.sock")))
        #expect(try await Hooks.call(address, Hooks.request("HEAD", "/hooks/fin")).status == 200)
        await site.stop()
    }
}

extension String {
    fileprivate var sandboxJSON: SandboxJSON { .string(self) }
}
