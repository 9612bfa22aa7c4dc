import HTTPTypes
import HummingbirdCore
import NIOCore
import SyncCore
import SyncRemotes
import Synchronization

/// Answers the calls of all connections: verifies, reads, has the notices written down, answers. What they mean is found out later.
final class WebhookResponder: Sendable {
    private struct State {
        var routes: [String: WebhookRoute]
        var maximumBody: Int
        var rate: RateLimit?
        var bucket: TokenBucket?
    }

    /// What is sent back.
    private struct Answer {
        var status: HTTPResponse.Status
        var fields: HTTPFields = [:]
        var text = ""
        var hasNews = false
    }

    /// How long a sender is asked to wait when the database cannot be written.
    private static let databasePause = Span.seconds(5)

    private let groups: NoticeGroups
    private let onNews: @Sendable () -> Void
    private let rejections: RejectionLog
    private let log: EventLog
    private let now: @Sendable () -> Instant
    private let state: Mutex<State>

    init(
        _ settings: ListenSettings, routes: [WebhookRoute], receive: @escaping NoticeGroups.Receive, onNews: @escaping @Sendable () -> Void,
        rejections: RejectionLog, log: EventLog, now: @escaping @Sendable () -> Instant
    ) {
        groups = NoticeGroups(receive)
        self.onNews = onNews
        self.rejections = rejections
        self.log = log
        self.now = now
        state = Mutex(State(routes: [:], maximumBody: 0, rate: nil, bucket: nil))
        update(settings, routes: routes)
    }

    /// Puts other routes, secrets and limits in force; calls in progress end under the old ones.
    func update(_ settings: ListenSettings, routes: [WebhookRoute]) {
        let now = now()
        state.withLock { state in
            state.routes = Dictionary(routes.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
            state.maximumBody = settings.maximumBody
            guard state.rate != settings.rate || state.bucket == nil else { return }
            state.rate = settings.rate
            state.bucket = settings.rate.map { TokenBucket($0, now: now) }
        }
    }

    func respond(to request: Request, writer: consuming ResponseWriter) async throws {
        let answer = try await answer(to: request, with: writer)
        var fields = answer.fields
        fields[.contentLength] = String(answer.text.utf8.count)
        if !answer.text.isEmpty { fields[.contentType] = "text/plain; charset=utf-8" }
        let body = answer.text.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(string: answer.text))
        try await writer.write(response: HTTPResponse(status: answer.status, headerFields: fields), body: body)
        if answer.hasNews { onNews() }
    }

    // MARK: Before the body is read

    private func answer(to request: Request, with writer: borrowing ResponseWriter) async throws -> Answer {
        let path = String((request.head.path ?? "/").prefix { $0 != "?" })
        let (route, maximumBody) = state.withLock { ($0.routes[path], $0.maximumBody) }
        guard let route else { return refuse(.notFound, .unknownPath, remote: nil) }
        switch request.method {
        // Intercom looks whether somebody is there before it sends anything (docs/remotes.md, "Webhook of fin").
        case .head: return Answer(status: .ok)
        case .post: break
        default: return refuse(.methodNotAllowed, .method, remote: route.remote, [.allow: "HEAD, POST"])
        }
        if let free = state.withLock({ $0.bucket?.take(now: now()) }) {
            return refuse(.tooManyRequests, .rate, remote: route.remote, [.retryAfter: seconds(free - now())])
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > maximumBody {
            return refuse(.contentTooLarge, .tooLarge, remote: route.remote)
        }
        // RFC 9110 section 10.1.1: the sender waits for a word before it sends the body.
        if request.headers[.expect]?.lowercased() == "100-continue" { try await writer.writeInformationalHead(.init(status: .continue)) }
        let body: [UInt8]
        do {
            body = Array(try await request.body.collect(upTo: maximumBody).readableBytesView)
        } catch is NIOTooManyBytesError {
            return refuse(.contentTooLarge, .tooLarge, remote: route.remote)
        } catch {
            // The connection is gone, or what came is no HTTP: the server deals with it.
            rejections.note(.incomplete, remote: route.remote)
            throw error
        }
        return await answer(to: body, request.headers, on: route)
    }

    /// A call that is refused unread: what it still sends must not be taken for the next one.
    private func refuse(
        _ status: HTTPResponse.Status, _ reason: RejectionReason, remote: String?, _ fields: HTTPFields = [:]
    ) -> Answer {
        rejections.note(reason, remote: remote)
        var fields = fields
        fields[.connection] = "close"
        return Answer(status: status, fields: fields)
    }

    // MARK: With the body

    private func answer(to body: [UInt8], _ headers: HTTPFields, on route: WebhookRoute) async -> Answer {
        let proof = route.reader.proofHeader.flatMap { HTTPField.Name($0) }.flatMap { headers[$0] }
        let reading: WebhookReading
        do throws(WebhookRejection) {
            reading = try route.reader.read(body, proof: proof)
        } catch {
            return refuse(error, remote: route.remote)
        }
        guard case .notices(let notices) = reading else {
            logReceived(reading, new: 0, remote: route.remote)
            return Answer(status: .ok)
        }
        do {
            let new = try await groups.receive(notices, from: route.remote)
            logReceived(reading, new: new, remote: route.remote)
            return Answer(status: .ok, hasNews: new > 0)
        } catch {
            rejections.note(.database, remote: route.remote, detail: "\(error)")
            return Answer(status: .serviceUnavailable, fields: [.retryAfter: seconds(WebhookResponder.databasePause)])
        }
    }

    private func refuse(_ rejection: WebhookRejection, remote: String) -> Answer {
        switch rejection {
        case .unsigned:
            rejections.note(.unsigned, remote: remote)
            return Answer(status: .unauthorized)
        case .wrongSignature:
            rejections.note(.wrongSignature, remote: remote)
            return Answer(status: .unauthorized)
        case .unreadable(let refusal):
            rejections.note(.unreadable, remote: remote, detail: refusal.reason)
            return Answer(status: .badRequest, text: refusal.reason + "\n")
        }
    }

    private func logReceived(_ reading: WebhookReading, new: Int, remote: String) {
        var event = LogEvent("webhook.received", level: .debug).with("remote", remote)
        switch reading {
        case .notices(let notices): event = event.with("notices", notices.count).with("new", new)
        case .ignored(let name): event = event.with("notices", 0).with("new", 0).with("ignored", name)
        }
        log.write(event)
    }

    private func seconds(_ span: Span) -> String { String(max((span.milliseconds + 999) / 1000, 1)) }
}
