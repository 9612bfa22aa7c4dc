import Foundation
import Sandbox
import Testing

/// Calls vg's webhook as vg does after a person's change.
struct VGHook: Sendable {
    private static let secret = "hook-secret-0123456789"

    /// Sets the webhook up; must be called before the daemon is started.
    init(_ scenario: ProgramScenario) throws {
        try scenario.write(Self.secret, to: "hook.secret")
        try scenario.configure { configuration in
            configuration["listen", "address"] = "\"127.0.0.1:0\""
            configuration["listen", "rate"] = "\"1000/s\""
            configuration["remotes.vg.webhook", "secret_file"] = "\"hook.secret\""
        }
    }

    func port(_ daemon: ConvosyncProcess) async throws -> UInt16 {
        let started = try await daemon.event("listen.started")
        return try #require(started["address"]?.string?.split(separator: ":").last.flatMap { UInt16($0) })
    }

    /// Names a conversation and no agent.
    func name(_ conversation: String, _ daemon: ConvosyncProcess) async throws {
        try await name(conversation, port: try await port(daemon))
    }

    func name(_ conversation: String, port: UInt16) async throws {
        let body =
            #"{"type":"conversation_updated","payload":{"convoId":"\#(conversation)","createdAt":1772443800000,"workspaceSecret":"\#(Self.secret)"}}"#
        #expect(try await RawCall.post(port: port, path: "/hooks/vg", header: "X-Test: 1", body: body) == 200)
    }
}
