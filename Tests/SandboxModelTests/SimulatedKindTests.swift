import Crypto
import SandboxModel
import Testing

struct SimulatedKindTests {
    @Test(arguments: [
        ("helpdesk", "helpdesk"), ("intercom", "fin"), ("fin", "fin"), ("voicebot", "voicebot"), ("vg", "vg"),
        ("vg-eu", "vg-eu"), ("intercom-eu", "fin-eu"), ("fin-eu", "fin-eu"), ("vg-a_1", "vg-a_1"),
    ])
    func `a first path segment stands for an instance`(segment: String, instance: String) {
        #expect(SimulatedKind.resolve(segment)?.instance == instance)
    }

    @Test(arguments: ["", "vgx", "vg-", "vg-ü", "zendesk", "VG", "vg-" + String(repeating: "x", count: 40)])
    func `any other path segment stands for none`(segment: String) {
        #expect(SimulatedKind.resolve(segment) == nil)
    }

    @Test func `the URL of a client has the first prefix of the kind`() {
        #expect(SimulatedKind.pathSegment(of: "fin-eu") == "intercom-eu")
        #expect(SimulatedKind.pathSegment(of: "vg") == "vg")
        #expect(SimulatedKind.pathSegment(of: "nothing") == "nothing")
        #expect(SimulatedKind.listing == "helpdesk, intercom (fin), voicebot and vg")
    }

    /// Each kind sends one event.
    private static func event(of instance: String, secret: String) throws -> WebhookCall {
        let client = ModelClient()
        try client.world.withInstance(instance) { $0.webhook = WebhookTarget(url: "http://hooks.example.com/\(instance)", secret: secret) }
        _ = try client.update(["conversation_id": "1"])
        _ = try client.patchVoicebot("1", ["status": "to-do"])
        _ = try client.patchVG("1", ["state": "ai-chatting"])
        var act: [String: SandboxJSON] = ["conversation": "1"]
        if instance == "vg" { act["agent"] = "a1" }
        if instance == "fin" { act["status"] = "resolved" }
        try client.act(.object(act), on: instance)
        try #require(client.webhookCalls.count == 1)
        return client.webhookCalls[0]
    }

    @Test func `Fin and voicebot sign the raw body`() throws {
        for (instance, header, prefix) in [("fin", "X-Fin-Agent-API-Webhook-Signature", "sha256="), ("voicebot", "X-Signature", "")] {
            let call = try Self.event(of: instance, secret: "key")
            let code = HMAC<SHA256>.authenticationCode(for: call.body, using: SymmetricKey(data: Array("key".utf8)))
            let expected = code.map { byte in
                let digits = String(byte, radix: 16)
                return digits.count == 1 ? "0" + digits : digits
            }.joined()
            #expect(call.url == "http://hooks.example.com/\(instance)")
            #expect(call.headers == [HTTPHeader("Content-Type", "application/json"), HTTPHeader(header, prefix + expected)])
            #expect(expected.count == 64)
        }
    }

    @Test func `the helpdesk sends its secret in a header, vg inside of the payload`() throws {
        #expect(try Self.event(of: "helpdesk", secret: "key").headers.last == HTTPHeader("X-Webhook-Key", "key"))
        let vg = try Self.event(of: "vg", secret: "key")
        #expect(vg.headers == [HTTPHeader("Content-Type", "application/json")])
        #expect(try SandboxJSON.reading(vg.body).get()["payload"]?["workspaceSecret"] == "key")
    }
}
