import HTTPTypes
import HummingbirdCore
import NIOCore
import SyncCore
import SyncRemotes
import Synchronization

/// Responds to the calls of all connections: verifies and reads a call, has its events stored, and sends the response. The events are processed
/// later.
final class WebhookResponder: Sendable {
    private struct State {
        var routes: [String: WebhookRoute]
        var maximumBody: Int
        var rate: RateLimit?
        var bucket: TokenBucket?

        /// Puts other routes into effect, with the secrets of the former ones that are still accepted.
        mutating func succeed(_ former: [WebhookRoute], with fresh: [WebhookRoute], now: Instant) {
            let byRemote = Dictionary(former.map { ($0.remote, $0) }, uniquingKeysWith: { first, _ in first })
            let succeeding = fresh.map { route in byRemote[route.remote].map { route.succeeding($0, now: now) } ?? route }
            routes = Dictionary(succeeding.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// The response to a call.
    private struct Answer {
        var status: HTTPResponse.Status
        var fields: HTTPFields = [:]
        var text = ""
    }

    /// The `Retry-After` of a response when the database cannot be written.
    private static let databasePause = Duration.seconds(5)

    /// Stores the events of a remote, and returns how many were new.
    typealias Receive = @Sendable ([Notice], String) async throws -> Int

    private let receive: Receive
    private let verifier = WebhookVerifier()
    private let rejections: RejectionLog
    private let log: EventLog
    private let now: @Sendable () -> Instant
    private let state: Mutex<State>

    init(
        _ settings: ListenSettings, routes: [WebhookRoute], receive: @escaping Receive, rejections: RejectionLog, log: EventLog,
        now: @escaping @Sendable () -> Instant
    ) {
        self.receive = receive
        self.rejections = rejections
        self.log = log
        self.now = now
        state = Mutex(State(routes: [:], maximumBody: 0, rate: nil, bucket: nil))
        update(settings, routes: routes)
    }

    /// Puts other routes, secrets and limits into effect; calls in progress end under the previous ones.
    func update(_ settings: ListenSettings, routes: [WebhookRoute]) {
        let now = now()
        state.withLock { state in
            state.succeed(Array(state.routes.values), with: routes, now: now)
            state.maximumBody = settings.maximumBody
            guard state.rate != settings.rate || state.bucket == nil else { return }
            state.rate = settings.rate
            state.bucket = settings.rate.map { TokenBucket($0, now: now) }
        }
    }

    /// Continues with the secrets that another responder accepts, for the rest of their time.
    func takeOver(_ former: WebhookResponder) {
        let now = now()
        let routes = former.state.withLock { Array($0.routes.values) }
        state.withLock { state in state.succeed(routes, with: Array(state.routes.values), now: now) }
    }

    /// Puts another secret into effect; the previous one is accepted for a while.
    func replaceSecret(of remote: String, with secret: WebhookSecret) {
        let now = now()
        state.withLock { state in
            for path in state.routes.keys where state.routes[path]?.remote == remote {
                state.routes[path]?.replaceSecret(with: secret, now: now)
            }
        }
    }

    /// - Parameter onVerified: called when the sender has proven to know the secret.
    func respond(to request: Request, writer: consuming ResponseWriter, onVerified: @Sendable () -> Void) async throws {
        let answer = try await answer(to: request, with: writer, onVerified)
        var fields = answer.fields
        fields[.contentLength] = String(answer.text.utf8.count)
        if !answer.text.isEmpty { fields[.contentType] = "text/plain; charset=utf-8" }
        let body = answer.text.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: answer.text))
        try await writer.write(response: HTTPResponse(status: answer.status, headerFields: fields), body: body)
    }

    // MARK: Before the body is read

    private func answer(
        to request: Request, with writer: borrowing ResponseWriter, _ onVerified: @Sendable () -> Void
    ) async throws -> Answer {
        let path = String((request.head.path ?? "/").prefix { $0 != "?" })
        let now = now()
        let (remote, reader, maximumBody) = state.withLock { state in
            (state.routes[path]?.remote, state.routes[path]?.reader(now: now), state.maximumBody)
        }
        guard let remote, let reader else { return refuse(.notFound, .unknownPath, remote: nil) }
        switch request.method {
        // Intercom checks with HEAD that the endpoint exists before it sends anything (docs/remotes/fin.md, "Webhook").
        case .head: return Answer(status: .ok)
        case .post: break
        default: return refuse(.methodNotAllowed, .method, remote: remote, [.allow: "HEAD, POST"])
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximumBody {
            return refuse(.contentTooLarge, .tooLarge, remote: remote)
        }
        // A call without a possibly valid proof is refused after its header.
        let proof = reader.proofHeader.flatMap { HTTPField.Name($0) }.flatMap { request.headers[$0] }
        if let rejection = reader.rejection(of: proof) {
            return refuse(.unauthorized, rejection == .unsigned ? .unsigned : .wrongSignature, remote: remote)
        }
        // RFC 9110 section 10.1.1: the sender waits for status 100 before it sends the body.
        if request.headers[.expect]?.lowercased() == "100-continue" { try await writer.writeInformationalHead(.init(status: .continue)) }
        let body: [UInt8]
        do {
            body = Array(try await request.body.collect(upTo: maximumBody).readableBytesView)
        } catch is NIOTooManyBytesError {
            return refuse(.contentTooLarge, .tooLarge, remote: remote)
        } catch {
            // The connection is gone, or the input is not HTTP: the server handles it.
            rejections.note(.incomplete, remote: remote)
            throw error
        }
        let reading: WebhookReading
        do throws(WebhookRejection) {
            reading = try await verifier.read(body, proof: proof, by: reader)
        } catch {
            if case .unreadable = error, reader.proofHeader != nil { onVerified() }
            return refuse(error, remote: remote)
        }
        onVerified()
        return await answer(to: reading, from: remote)
    }

    /// Refuses a call unread and closes the connection, so that the rest of the call is not taken for the next one.
    private func refuse(
        _ status: HTTPResponse.Status, _ reason: RejectionReason, remote: String?, _ fields: HTTPFields = [:]
    ) -> Answer {
        rejections.note(reason, remote: remote)
        var fields = fields
        fields[.connection] = "close"
        return Answer(status: status, fields: fields)
    }

    // MARK: With the body

    /// Only verified calls count against the rate limit, so that others cannot use it up.
    private func answer(to reading: WebhookReading, from remote: String) async -> Answer {
        let moment = now()
        if let free = state.withLock({ $0.bucket?.take(now: moment) }) {
            rejections.note(.rate, remote: remote)
            return Answer(status: .tooManyRequests, fields: [.retryAfter: seconds(free - moment)])
        }
        let notices = reading.notices
        guard !notices.isEmpty else {
            logReceived(reading, new: 0, remote: remote)
            return Answer(status: .ok)
        }
        do {
            logReceived(reading, new: try await receive(notices, remote), remote: remote)
            return Answer(status: .ok)
        } catch {
            rejections.note(.database, remote: remote, detail: "\(error)")
            return Answer(status: .serviceUnavailable, fields: [.retryAfter: seconds(WebhookResponder.databasePause)])
        }
    }

    private func refuse(_ rejection: WebhookRejection, remote: String) -> Answer {
        switch rejection {
        // A sender who does not know the secret cannot keep the connection.
        case .unsigned: return refuse(.unauthorized, .unsigned, remote: remote)
        case .wrongSignature: return refuse(.unauthorized, .wrongSignature, remote: remote)
        case .unreadable(let refusal):
            rejections.note(.unreadable, remote: remote, detail: refusal.reason)
            return Answer(status: .badRequest, text: refusal.reason + "\n")
        }
    }

    private func logReceived(_ reading: WebhookReading, new: Int, remote: String) {
        var event = LogEvent("webhook.received", level: .debug).with("remote", remote).with("notices", reading.notices.count)
            .with("new", new)
        if case .ignored(let name) = reading { event = event.with("ignored", name) }
        log.write(event)
        guard case .partial(_, let conversationID, let problem) = reading else { return }
        log.write(
            LogEvent("message.unusable", level: .warning).with("remote", remote).with("conversation", conversationID)
                .with("error", problem.reason)
                .with("hint", "what was written is not in the table messages; a status in the same event counts all the same"))
    }

    private func seconds(_ span: Duration) -> String { String(max((span.milliseconds + 999) / 1000, 1)) }
}

extension WebhookReading {
    fileprivate var notices: [Notice] {
        switch self {
        case .notices(let notices), .partial(let notices, _, _): notices
        case .ignored: []
        }
    }
}
