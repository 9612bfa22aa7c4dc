import AsyncHTTPClient
import NIOCore
import Sandbox
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
    let http: HTTPClient

    func call(
        _ method: String,
        _ path: String,
        _ body: SandboxJSON? = nil,
        raw: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Reply {
        var request = HTTPClientRequest(url: sandbox.url + path)
        request.method = .init(rawValue: method)
        var all = ["Authorization": "Bearer sandbox-token", "Content-Type": "application/json", "Intercom-Version": "2.15"]
        for (name, value) in headers { all[name] = value }
        for (name, value) in all where !value.isEmpty { request.headers.add(name: name, value: value) }
        if let text = raw ?? body?.text { request.body = .bytes(ByteBuffer(string: text)) }
        let response = try await http.execute(request, timeout: .seconds(20))
        let received = try await response.body.collect(upTo: 8 * 1024 * 1024)
        var fields: [String: String] = [:]
        for header in response.headers { fields[header.name.lowercased()] = header.value }
        return Reply(status: Int(response.status.code), headers: fields, text: String(buffer: received))
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
    var settings = HTTPClient.Configuration(redirectConfiguration: .disallow)
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
    let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: settings)
    do {
        let result = try await body(SandboxClient(sandbox: sandbox, http: http))
        try await http.shutdown()
        await sandbox.stop()
        return result
    } catch {
        try await http.shutdown()
        await sandbox.stop()
        throw error
    }
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
