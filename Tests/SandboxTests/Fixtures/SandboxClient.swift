import Sandbox
import SyncCore
import SyncHTTP
import Testing

/// A client of one sandbox: no redirects, no retries, one call at a time unless the test needs more.
struct SandboxClient: Sendable {
    struct Reply: Sendable {
        let status: Int
        let headers: [String: String]
        let text: String

        /// The body as JSON; `null` when it is not JSON.
        var json: SandboxJSON { (try? SandboxJSON(text: text)) ?? .null }
    }

    let sandbox: SandboxServer
    let http: NetworkTransport

    func call(
        _ method: String,
        _ path: String,
        _ body: SandboxJSON? = nil,
        raw: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Reply {
        var all = ["Authorization": "Bearer sandbox-token", "Content-Type": "application/json", "Intercom-Version": "2.15"]
        for (name, value) in headers { all[name] = value }
        let fields = all.filter { !$0.value.isEmpty }.map { (name: $0.key, value: $0.value) }
        let reply = try await http.send(
            HTTPCall(method: method, url: sandbox.url + path, headers: fields, body: raw ?? body?.text ?? ""))
        if let failure = reply.bodyFailure { throw failure }
        return Reply(status: reply.status, headers: reply.headers, text: String(decoding: reply.body, as: UTF8.self))
    }

    func update(_ fields: SandboxJSON) async throws -> Reply {
        try await call("POST", "/helpdesk/update_conversation", fields)
    }

    func reply(_ fields: SandboxJSON, headers: [String: String] = [:]) async throws -> Reply {
        try await call("POST", "/intercom/fin/reply", fields, headers: headers)
    }

    func patchVoicebot(_ id: String, _ fields: SandboxJSON) async throws -> Reply {
        try await call("PATCH", "/voicebot/conversations/\(id)", fields)
    }

    func patchVG(_ id: String, _ fields: SandboxJSON) async throws -> Reply {
        try await call("PATCH", "/vg/agents/a1/convos/\(id)", ["conversation": fields])
    }

    /// The one record of a sandbox that got one request.
    func onlyRecord() throws -> RequestRecord {
        let records = sandbox.world.requests()
        #expect(records.count == 1)
        return try #require(records.first)
    }
}

/// Runs a test against a sandbox of its own on a port of its own.
func withSandbox<Result: Sendable>(
    _ configuration: SandboxConfiguration = SandboxConfiguration(),
    _ body: @Sendable (SandboxClient) async throws -> Result
) async throws -> Result {
    let sandbox = try await SandboxServer.start(configuration)
    let http = NetworkTransport(
        HTTPLimits(
            firstByteTimeout: .seconds(20), readTimeout: .seconds(20), totalTimeout: .seconds(20), maximumResponseSize: 8 << 20,
            connections: 64))
    let result: Swift.Result<Result, any Error>
    do {
        result = .success(try await body(SandboxClient(sandbox: sandbox, http: http)))
    } catch {
        result = .failure(error)
    }
    await http.shutdown()
    await sandbox.stop()
    return try result.get()
}

extension SandboxJSON {
    /// The document's own example of a message to Fin, for one conversation and one timestamp.
    static func message(_ conversation: String, timestamp: String = "2025-01-24T10:01:20.000Z") -> SandboxJSON {
        [
            "conversation_id": .string(conversation),
            "message": ["author": "user", "body": "How can I see my account details?", "timestamp": .string(timestamp)],
            "user": ["id": "123456"],
        ]
    }
}
