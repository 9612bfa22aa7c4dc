import Crypto
import Fixtures
import Foundation
import SyncCore
import SyncRemotes
import Testing

@testable import SyncDaemon

/// A real listener on a free port, with a route for every kind, and everything that it stores or logs.
final class Hooks: Sendable {
    /// Must never appear in a log; neither may the texts of bodies.
    static let secret = "canary-secret-4711"
    static let text = "canary-text-0815"

    let listener: WebhookListener
    private let record: Record

    final class Record: Sendable {
        struct State {
            var groups: [[Notice]] = []
            /// The number of events that were new.
            var news = 0
            var lines: [String] = []
        }
        let state = Watched(State())

        var lines: [String] { state.value.lines }

        /// Waits until what was written down satisfies the condition; false when that takes too long.
        func wait(until condition: @escaping @Sendable (State) -> Bool) async -> Bool {
            await state.wait { condition($0) ? true : nil } ?? false
        }
    }

    static var routes: [WebhookRoute] { routes(secret: secret) }

    static func routes(secret: String) -> [WebhookRoute] {
        Kinds.all.compactMap { kind in
            kind.webhook.map { scheme in
                WebhookRoute(path: "/hooks/\(kind.name)", remote: kind.name, secret: WebhookSecret(secret)) { secret in
                    WebhookReader(scheme, own: ["webhook.id_path": .text("data.id")], secret: secret)
                }
            }
        }
    }

    static var settings: ListenSettings {
        var settings = ListenSettings(address: .tcp(host: "127.0.0.1", port: 0))
        settings.maximumBody = 64 << 10
        settings.rate = nil
        return settings
    }

    private init(_ listener: WebhookListener, _ record: Record) {
        self.listener = listener
        self.record = record
    }

    /// - Parameter receive: takes the place of the database; by default everything is new.
    static func start(
        _ settings: ListenSettings = settings, limits: WebhookListener.Limits = .init(),
        now: @escaping @Sendable () -> Instant = SystemClock.now,
        receive: @escaping @Sendable ([Notice], String) async throws -> Int = { notices, _ in notices.count }
    ) async throws -> Hooks {
        let record = Record()
        let listener = try await WebhookListener.start(
            settings, routes: routes, limits: limits,
            receive: { notices, remote in
                let new = try await receive(notices, remote)
                record.state.change { state in
                    state.groups.append(notices)
                    if new > 0 { state.news += 1 }
                }
                return new
            }, log: log(into: record), now: now)
        return Hooks(listener, record)
    }

    static func log(into record: Record) -> EventLog {
        var settings = Configuration.Log()
        settings.level = .debug
        return EventLog(settings, hasPriorityPrefix: false, output: { line in record.state.change { $0.lines.append(line) } })
    }

    var notices: [Notice] { record.state.value.groups.flatMap { $0 } }
    var news: Int { record.state.value.news }
    var lines: [String] { record.lines }

    /// Stops the listener, and checks the log for the canaries.
    func stop() async {
        await listener.stop()
        #expect(!lines.contains { $0.contains("canary") }, "\(lines)")
    }

    // MARK: Calls

    static func signature(of body: String, secret: String = secret) -> String {
        HMAC<SHA256>.authenticationCode(for: Array(body.utf8), using: SymmetricKey(data: Array(secret.utf8)))
            .map { String(format: "%02x", $0) }.joined()
    }

    static func status(_ conversation: String, _ word: String = "escalated", at milliseconds: Int = 1_737_712_800_123) -> String {
        #"{"event_name":"fin_status_updated","conversation_id":"\#(conversation)","status":"\#(word)","created_at_ms":\#(milliseconds)}"#
    }

    static func reply(_ conversation: String) -> String {
        #"{"event_name":"fin_replied","conversation_id":"\#(conversation)","message":{"id":"m-\#(conversation)","author":"fin","#
            + #""body":"\#(text)","timestamp_ms":"2025-01-24T10:00:00.120Z"},"created_at_ms":"2025-01-24T10:00:00.123Z"}"#
    }

    static func request(
        _ method: String, _ path: String, _ fields: [String] = [], body: String? = nil
    ) -> String {
        let length = body.map { ["Content-Length: \($0.utf8.count)"] } ?? []
        return (["\(method) \(path) HTTP/1.1", "Host: hooks.example.com"] + fields + length).joined(separator: "\r\n") + "\r\n\r\n"
            + (body ?? "")
    }

    static func fin(_ body: String, secret: String = secret) -> String {
        request("POST", "/hooks/fin", ["X-Fin-Agent-API-Webhook-Signature: sha256=\(signature(of: body, secret: secret))"], body: body)
    }

    /// One request on a connection of its own.
    func call(_ request: String) async throws -> RawConnection.Response {
        try await Hooks.call(listener.address, request)
    }

    static func call(_ address: ListenAddress, _ request: String) async throws -> RawConnection.Response {
        let response = try await onThread {
            let connection = try RawConnection(address)
            connection.write(request)
            return try connection.readResponse()
        }
        return try #require(response)
    }
}
