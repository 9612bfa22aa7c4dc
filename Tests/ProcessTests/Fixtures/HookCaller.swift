import Crypto
import Fixtures
import Foundation
import Sandbox
import Testing

/// Calls the webhooks of a running service as the remotes do, signed with any secret.
struct HookCaller: Sendable {
    static let secret = "hook-secret-0123456789"

    let port: UInt16

    /// - Parameter daemon: a daemon that listens on a port chosen by the system.
    init(_ daemon: ConvosyncProcess) async throws {
        let started = try await daemon.event("listen.started")
        port = try #require(started["address"]?.string?.split(separator: ":").last.flatMap { UInt16($0) })
    }

    /// - Returns: the status of the response.
    @discardableResult
    func fin(_ body: String, secret: String = secret) async throws -> Int? {
        let header = "X-Fin-Agent-API-Webhook-Signature: sha256=\(Self.signature(of: body, secret))"
        return try await RawCall.post(port: port, path: "/hooks/fin", header: header, body: body)
    }

    /// "Something changed": without an id, the list is read.
    @discardableResult
    func voicebot(_ body: String = "{}", secret: String = secret) async throws -> Int? {
        let header = "X-Signature: \(Self.signature(of: body, secret))"
        return try await RawCall.post(port: port, path: "/hooks/voicebot", header: header, body: body)
    }

    /// - Parameter milliseconds: `created_at_ms`.
    @discardableResult
    func status(_ word: String, of conversation: String, at milliseconds: Int64) async throws -> Int? {
        try await fin(
            #"{"event_name":"fin_status_updated","conversation_id":"\#(conversation)","status":"\#(word)","created_at_ms":\#(milliseconds)}"#
        )
    }

    /// - Parameters:
    ///   - message: JSON.
    ///   - status: nil for an event without one.
    @discardableResult
    func replied(_ message: String, in conversation: String, status: String? = nil, at milliseconds: Int64) async throws -> Int? {
        let status = status.map { #","status":"\#($0)""# } ?? ""
        return try await fin(
            #"{"event_name":"fin_replied","conversation_id":"\#(conversation)","message":\#(message)\#(status),"created_at_ms":\#(milliseconds)}"#
        )
    }

    static func signature(of body: String, _ secret: String) -> String {
        HMAC<SHA256>.authenticationCode(for: Array(body.utf8), using: SymmetricKey(data: Array(secret.utf8)))
            .map { String(format: "%02x", $0) }.joined()
    }

    /// Milliseconds since 1970.
    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
}

extension ScenarioConfiguration {
    /// Listens on a port chosen by the system; the secret is in `hook.secret`.
    mutating func listen(_ remotes: [String]) {
        self["listen", "address"] = "\"127.0.0.1:0\""
        for remote in remotes { self["remotes.\(remote).webhook", "secret_file"] = "\"hook.secret\"" }
    }
}

/// A service that listens for calls of some remotes.
func withHooks(
    _ remotes: [String] = ["fin"], _ configure: @Sendable (inout ScenarioConfiguration) -> Void = { _ in },
    _ body: (ProgramScenario, ConvosyncProcess, HookCaller) async throws -> Void
) async throws {
    try await withScenario { scenario in
        try scenario.write(HookCaller.secret, to: "hook.secret")
        try scenario.configure {
            $0.listen(remotes)
            configure(&$0)
        }
        let daemon = try await scenario.startDaemon()
        try await body(scenario, daemon, try await HookCaller(daemon))
    }
}
