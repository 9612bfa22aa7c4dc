import Foundation
import SyncCore
import SyncRemotes
import Synchronization
import Testing

@testable import SyncDaemon

/// The responses that callers get.
@Suite struct WebhookListenerTests {
    @Test func `a HEAD request gets a response, and other methods and paths are refused`() async throws {
        let hooks = try await Hooks.start()
        #expect(try await hooks.call(Hooks.request("HEAD", "/hooks/fin")).status == 200)
        let get = try await hooks.call(Hooks.request("GET", "/hooks/fin"))
        #expect(get.status == 405)
        #expect(get.fields["allow"] == "HEAD, POST")
        #expect(try await hooks.call(Hooks.request("PUT", "/hooks/fin", body: "{}")).status == 405)
        for path in ["/", "/hooks", "/hooks/other", "/hooks/fin/", "/hooks/../hooks/fin"] {
            #expect(try await hooks.call(Hooks.request("POST", path, body: "{}")).status == 404)
        }
        #expect(hooks.notices.isEmpty)
        await hooks.stop()
    }

    @Test func `a signed event is stored before the response`() async throws {
        let hooks = try await Hooks.start()
        let response = try await hooks.call(Hooks.fin(Hooks.status("c1")))
        #expect(response.status == 200)
        #expect(response.body.isEmpty)
        let at = Instant(milliseconds: 1_737_712_800_123)
        #expect(hooks.notices == [.finStatus(conversationID: "c1", word: "escalated", at: at)])
        let vg =
            #"{"type":"conversation_updated","payload":{"ID":"v1","agentId":"a","title":"\#(Hooks.text)","workspaceSecret":"\#(Hooks.secret)"}}"#
        #expect(try await hooks.call(Hooks.request("POST", "/hooks/vg?x=y", body: vg)).status == 200)
        let data = #"{"data":{"id":7}}"#
        let signed = ["x-signature: \(Hooks.signature(of: data))"]
        #expect(try await hooks.call(Hooks.request("POST", "/hooks/voicebot", signed, body: data)).status == 200)
        let key = ["X-Webhook-Key: \(Hooks.secret)"]
        #expect(try await hooks.call(Hooks.request("POST", "/hooks/helpdesk", key, body: #"{"conversation_id":"h1"}"#)).status == 200)
        #expect(
            hooks.notices.dropFirst() == [
                .changed(remoteID: "v1", agentID: "a"), .changed(remoteID: "7", agentID: nil), .changed(remoteID: "h1", agentID: nil),
            ])
        #expect(try await hooks.call(Hooks.fin(#"{"event_name":"csat_requested"}"#)).status == 200, "acknowledged, though it means nothing")
        await hooks.stop()
        #expect(hooks.notices.count == 4)
        #expect(hooks.news == 4)
        #expect(hooks.lines.contains { $0.hasSuffix("event=webhook.received remote=fin notices=1 new=1") }, "\(hooks.lines)")
        #expect(hooks.lines.contains { $0.hasSuffix("event=webhook.received remote=fin notices=0 new=0 ignored=csat_requested") })
    }

    @Test func `without the right signature nothing is stored, and the response has no body`() async throws {
        let hooks = try await Hooks.start()
        let body = Hooks.reply("c1")
        var refused = [Hooks.request("POST", "/hooks/fin", body: body), Hooks.fin(body, secret: "other")]
        refused.append(Hooks.request("POST", "/hooks/fin", ["X-Fin-Agent-API-Webhook-Signature: \(Hooks.secret)"], body: body))
        refused.append(Hooks.request("POST", "/hooks/helpdesk", ["X-Webhook-Key: \(Hooks.secret)x"], body: body))
        refused.append(Hooks.request("POST", "/hooks/vg", body: #"{"type":"x","payload":{"workspaceSecret":"\#(Hooks.secret)x"}}"#))
        refused.append(Hooks.request("POST", "/hooks/voicebot", ["X-Signature: "], body: body))
        for request in refused {
            let response = try await hooks.call(request)
            #expect(response.status == 401)
            #expect(response.body.isEmpty)
        }
        #expect(hooks.notices.isEmpty && hooks.news == 0)
        await hooks.stop()
        #expect(hooks.lines.contains { $0.hasSuffix("event=webhook.rejected remote=fin reason=unsigned count=1") }, "\(hooks.lines)")
        // The first at once, the others after a minute, or at the end.
        #expect(hooks.lines.count { $0.contains("remote=fin reason=wrong_signature count=1") } == 2, "\(hooks.lines)")
    }

    @Test(arguments: [
        "no JSON \(Hooks.text)", "{}", #"{"event_name":5}"#, #"{"event_name":"fin_replied","message":{"body":"b"}}"#,
        String(repeating: "[", count: 50_000), String(repeating: #"{"a":"#, count: 10_000), "\u{FEFF}{}", "",
    ])
    func `a signed body that is not an event gets a 400`(body: String) async throws {
        let hooks = try await Hooks.start()
        let response = try await hooks.call(Hooks.fin(body))
        #expect(response.status == 400)
        #expect(!response.body.isEmpty && !response.body.contains("canary"))
        #expect(hooks.notices.isEmpty)
        await hooks.stop()
        #expect(hooks.lines.contains { $0.contains("remote=fin reason=unreadable error=") }, "\(hooks.lines)")
    }

    @Test func `a reply without a text gets a 200, its status is stored, and the log reports it`() async throws {
        let hooks = try await Hooks.start()
        let bodies = [
            #"{"event_name":"fin_replied","conversation_id":"c1","message":{"body":["\#(Hooks.text)"]},"status":"escalated","#
                + #""created_at_ms":1737712800123}"#,
            #"{"event_name":"fin_replied","conversation_id":"c2","message":null}"#,
        ]
        for body in bodies { #expect(try await hooks.call(Hooks.fin(body)).status == 200) }
        let at = Instant(milliseconds: 1_737_712_800_123)
        #expect(hooks.notices == [.finStatus(conversationID: "c1", word: "escalated", at: at)])
        await hooks.stop()
        for conversation in ["c1", "c2"] {
            let lines = hooks.lines.filter { $0.contains("event=message.unusable remote=fin conversation=\(conversation) ") }
            #expect(lines.count == 1, "\(hooks.lines)")
        }
    }

    @Test func `calls without a valid signature do not count for the rate`() async throws {
        let now = Instant(milliseconds: 1_800_000_000_000)
        var settings = Hooks.settings
        settings.rate = RateLimit(calls: 2, period: .seconds(1))
        let hooks = try await Hooks.start(settings, now: { now })
        let code = String(repeating: "0", count: 64)
        let forged = [
            Hooks.request("POST", "/hooks/fin", ["X-Fin-Agent-API-Webhook-Signature: sha256=\(code)"], body: Hooks.status("c1")),
            Hooks.request("POST", "/hooks/fin", body: Hooks.status("c1")),
            Hooks.request("POST", "/hooks/vg", body: #"{"type":"x","payload":{"workspaceSecret":"wrong"}}"#),
            Hooks.request("POST", "/hooks/helpdesk", ["X-Webhook-Key: wrong"], body: #"{"conversation_id":"h1"}"#),
        ]
        for _ in 0..<5 {
            for request in forged {
                let response = try await hooks.call(request)
                #expect(response.status == 401)
                #expect(response.fields["connection"] == "close", "who does not know the secret keeps no connection")
            }
        }
        for _ in 0..<2 { #expect(try await hooks.call(Hooks.fin(Hooks.status("c1"))).status == 200) }
        #expect(try await hooks.call(Hooks.fin(Hooks.status("c1"))).status == 429)
        await hooks.stop()
    }

    @Test func `a call without a signature that could be valid gets its response before its body arrives`() async throws {
        let hooks = try await Hooks.start()
        for path in ["fin", "voicebot", "helpdesk"] {
            let head = "POST /hooks/\(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n"
            #expect(try await hooks.call(head).status == 401)
        }
        await hooks.stop()
    }

    @Test func `a body that is too large is not read`() async throws {
        let hooks = try await Hooks.start()
        let announced = "POST /hooks/fin HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n"
        let early = try await hooks.call(announced)
        #expect(early.status == 413)
        #expect(early.fields["connection"] == "close")
        let address = hooks.listener.address
        let late = try await onThread {
            let connection = try RawConnection(address)
            connection.write("POST /hooks/vg HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            let chunk = "4000\r\n" + String(repeating: "a", count: 0x4000) + "\r\n"
            for _ in 0..<5 where !connection.write(chunk) { break }
            let response = try connection.readResponse()
            // The rest of its data is dropped, up to a limit.
            while connection.write(chunk) {}
            return response
        }
        #expect(late?.status == 413)
        let atTheLimit = Hooks.status(String(repeating: "c", count: 500))
        let padded = atTheLimit + String(repeating: " ", count: (64 << 10) - atTheLimit.utf8.count)
        #expect(try await hooks.call(Hooks.fin(padded)).status == 200)
        #expect(try await hooks.call(Hooks.fin(padded + " ")).status == 413)
        await hooks.stop()
    }

    @Test func `headers are read up to 16 KiB`() async throws {
        let hooks = try await Hooks.start()
        for (length, isServed) in [(16_000, true), (16_384, false)] {
            let request = Hooks.request("HEAD", "/hooks/fin", ["X: " + String(repeating: "a", count: length)])
            let address = hooks.listener.address
            let response = try await onThread {
                let connection = try RawConnection(address)
                connection.write(request)
                return try connection.readResponse()
            }
            #expect((response?.status == 200) == isServed, "\(length): \(String(describing: response))")
        }
        await hooks.stop()
    }

    @Test func `a call beyond the rate gets a 429 with Retry-After`() async throws {
        let start = Instant(milliseconds: 1_800_000_000_000)
        let clock = Mutex(start)
        var settings = Hooks.settings
        settings.rate = RateLimit(calls: 2, period: .seconds(1))
        let hooks = try await Hooks.start(settings, now: { clock.withLock { $0 } })
        let request = Hooks.fin(Hooks.status("c1"))
        for _ in 0..<2 { #expect(try await hooks.call(request).status == 200) }
        let refused = try await hooks.call(request)
        #expect(refused.status == 429)
        #expect(refused.fields["retry-after"] == "1")
        clock.withLock { $0 = start + .milliseconds(500) }
        #expect(try await hooks.call(request).status == 200)
        #expect(hooks.notices.count == 3)
        await hooks.stop()
    }

    @Test func `an event that cannot be stored gets a 503`() async throws {
        let isWritable = Mutex(false)
        let hooks = try await Hooks.start(receive: { notices, _ in
            guard isWritable.withLock({ $0 }) else { throw Unreadable("the disk is full") }
            return notices.count
        })
        let request = Hooks.fin(Hooks.status("c1"))
        let refused = try await hooks.call(request)
        #expect(refused.status == 503)
        #expect(refused.fields["retry-after"] == "5")
        #expect(hooks.news == 0)
        isWritable.withLock { $0 = true }
        #expect(try await hooks.call(request).status == 200)
        await hooks.stop()
        #expect(hooks.news == 1)
        #expect(hooks.lines.contains { $0.contains("reason=database error=") })
    }

    @Test func `a repeated event is acknowledged, and the log counts it as not new`() async throws {
        let hooks = try await Hooks.start(receive: { _, _ in 0 })
        #expect(try await hooks.call(Hooks.fin(Hooks.status("c1"))).status == 200)
        await hooks.stop()
        #expect(hooks.lines.contains { $0.hasSuffix("event=webhook.received remote=fin notices=1 new=0") }, "\(hooks.lines)")
    }

    @Test func `a request that is not HTTP is refused`() async throws {
        let hooks = try await Hooks.start()
        for text in ["\u{16}\u{03}\u{01} hello\r\n\r\n", "POST\r\n\r\n", "POST /hooks/fin HTTP/1.1\r\nContent-Length: x\r\n\r\n"] {
            let address = hooks.listener.address
            let response = try await onThread {
                let connection = try RawConnection(address)
                connection.write(text)
                return try connection.readResponse()
            }
            #expect(response == nil || response?.status == 400, "\(String(describing: response))")
        }
        let long = Hooks.request("HEAD", "/hooks/fin", ["X: " + String(repeating: "a", count: 70_000)])
        let address = hooks.listener.address
        let response = try await onThread {
            let connection = try RawConnection(address)
            connection.write(long)
            return try connection.readResponse()
        }
        #expect(response?.status != 200)
        #expect(try await hooks.call(Hooks.request("HEAD", "/hooks/fin")).status == 200, "others are served all the same")
        await hooks.stop()
    }
}
