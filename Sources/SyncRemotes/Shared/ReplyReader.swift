import SyncCore

/// Turns a raw response into a delivery outcome: classification by status code, then the adapter's reading of the body.
package struct ReplyReader: Sendable {
    package var adapter: any Adapter
    package var classifier: OutcomeClassifier

    /// How many partial errors of a response are kept.
    static let partialErrorLimit = 20

    package init(adapter: any Adapter, classifier: OutcomeClassifier) {
        self.adapter = adapter
        self.classifier = classifier
    }

    /// - Parameters:
    ///   - reply: what the transport received.
    ///   - delta: what was sent, nil for messages.
    ///   - id: the remote's id of the object that the call is about; nil: the response may be about any object.
    ///   - agent: the one that the object belongs to; nil: the configured agent.
    ///   - redaction: what must not appear in an error text; evaluated only if there is one.
    package func read(
        _ reply: HTTPReply, delta: Delta?, about id: String? = nil, of agent: String? = nil,
        redaction makeRedaction: @autoclosure () -> Redaction, now: Instant
    ) -> DeliveryOutcome {
        var outcome = classifier.classify(reply, now: now)
        // A body that is not JSON is handled below, depending on the status.
        let body = reply.bodyFailure == nil ? try? JSONValue(bytes: reply.body) : nil
        if outcome.outcome == .delivered, (200...299).contains(reply.status) {
            outcome =
                reply.bodyFailure.map { unreadable(outcome, because: $0) }
                ?? readSuccess(body, of: outcome, isEmpty: reply.body.isEmpty, delta: delta, about: (id, agent))
        } else if outcome.outcome != .delivered {
            // Without a readable body, the status alone decides.
            let explanation = body.flatMap(ErrorText.explanation)
            let summary = ["HTTP \(reply.status)", explanation].compactMap { $0 }.joined(separator: ": ")
            outcome.error = [summary, outcome.waitNote].compactMap { $0 }.joined(separator: "; ")
        }
        outcome = judgingAbsence(outcome, body)
        if outcome.outcome == .dead, let delta, let body {
            outcome.refusal = RefusedMembers(in: body, status: reply.status, of: delta.fields)
        }
        guard outcome.outcome != .delivered || !outcome.partialErrors.isEmpty else { return outcome }
        return redacted(outcome, body: body, reply: reply, makeRedaction())
    }

    /// The response to a call that changes nothing: its body, or an outcome that says why there is none.
    package func readState(_ reply: HTTPReply, now: Instant) -> (outcome: DeliveryOutcome, body: JSONValue?) {
        var outcome = classifier.classify(reply, now: now)
        // A body that is not JSON is handled below, depending on the status.
        let body = reply.bodyFailure == nil ? try? JSONValue(bytes: reply.body) : nil
        if outcome.outcome == .delivered, let failure = reply.bodyFailure {
            // The call changed nothing, so it may be repeated.
            outcome.outcome = classifier.classify(failure).outcome
            outcome.error = "HTTP \(reply.status): \(failure.kind.rawValue): \(failure.detail)"
            return (outcome, nil)
        }
        if outcome.outcome == .delivered {
            let isSuccess = (200...299).contains(reply.status)
            if let body, body.objectValue != nil {
                if isSuccess, let failed = failure(in: body, of: outcome) { return (failed, nil) }
                return (outcome, body)
            }
            // A page instead of JSON is from something in front of the API, and says nothing about the object.
            outcome.outcome = isSuccess && body == nil ? .retry : .dead
            outcome.error = "HTTP \(reply.status) with a body that is not a JSON object"
        } else {
            // It is unknown whom such a response is about, so only its error code is passed on.
            outcome.error = ["HTTP \(reply.status)", body.flatMap(ErrorText.code)].compactMap { $0 }.joined(separator: ": ")
            outcome = judgingAbsence(outcome, body)
        }
        return (outcome, nil)
    }

    /// An error inside a 2xx by which the remote fails at present, or throttles. Any other is about the object, and is left to its reader.
    private func failure(in body: JSONValue, of classified: DeliveryOutcome) -> DeliveryOutcome? {
        let read = adapter.read(body, of: classified, delta: nil)
        guard read.outcome == .retry || read.outcome == .throttled else { return nil }
        var failed = classified
        failed.outcome = read.outcome
        // Its texts may be about somebody whom the call did not name.
        let summary = "HTTP \(classified.httpStatus ?? 200) with an error in the body"
        failed.error = [summary, ErrorText.code(body)].compactMap { $0 }.joined(separator: ": ")
        return failed
    }

    private func redacted(_ outcome: DeliveryOutcome, body: JSONValue?, reply: HTTPReply, _ redaction: Redaction) -> DeliveryOutcome {
        var outcome = outcome
        if outcome.outcome != .delivered {
            outcome.error = outcome.error.map { redaction.apply(toBeginningOf: $0).bounded(to: 400) }
            outcome.responseExcerpt = ResponseExcerpt.text(of: reply, body, redaction).bounded(to: 500)
        }
        let partial = outcome.partialErrors.prefix(ReplyReader.partialErrorLimit)
        outcome.partialErrors = partial.map { redaction.apply(toBeginningOf: $0).bounded(to: 400) }
        return outcome
    }

    /// Distinguishes the remote's own "there is no such object" from the response of a gateway in front of it, or for a path that the API
    /// does not have: those say nothing about any object and are retried. None of the APIs sends an empty 404. A 405 cannot be about an
    /// object either: each call has one method, and the API accepts it.
    private func judgingAbsence(_ classified: DeliveryOutcome, _ body: JSONValue?) -> DeliveryOutcome {
        var outcome = classified
        if let status = classified.httpStatus, !(200...299).contains(status) {
            if outcome.outcome == .gone, let body, adapter.isOwnAbsence(body) {
                outcome.absence = .object
            } else if outcome.outcome == .gone || (status == 405 && classifier.overrides[405] == nil) {
                outcome.absence = .route
                outcome.outcome = .retry
                outcome.error = "\(outcome.error ?? "HTTP \(status)"); this is not how the API says that an object does not exist"
            }
        }
        // Only a link can be gone. For other kinds a 404 means that the remote does not know the conversation.
        if outcome.outcome == .gone, !adapter.profile.kind.needsLink { outcome.outcome = .dead }
        return outcome
    }

    /// A 2xx whose body is incomplete or cannot be decoded: the remote has accepted the call, and its report is lost. Sending the call
    /// again would repeat its effect. When we ourselves stopped reading, the call is interrupted like any other.
    private func unreadable(_ classified: DeliveryOutcome, because failure: TransportFailure) -> DeliveryOutcome {
        var outcome = classified
        outcome.outcome = failure.kind == .cancelled ? .interrupted : .dead
        outcome.fate = .unknown
        outcome.error =
            "HTTP \(classified.httpStatus ?? 200), but the response cannot be read: \(failure.kind.rawValue): \(failure.detail)"
        return outcome
    }

    private func readSuccess(
        _ body: JSONValue?, of outcome: DeliveryOutcome, isEmpty: Bool, delta: Delta?, about object: (id: String?, agent: String?)
    ) -> DeliveryOutcome {
        if outcome.httpStatus == 204, isEmpty { return outcome }
        guard let body, body.objectValue != nil else {
            var invalid = outcome
            invalid.outcome = .dead
            invalid.fate = .unknown
            invalid.error =
                "HTTP \(outcome.httpStatus ?? 200) with a body that is \(body.map { "a JSON \($0.typeName), not a JSON object" } ?? "not JSON")"
            return invalid
        }
        let read = adapter.read(body, of: outcome, delta: delta)
        guard read.outcome == .delivered, let id = object.id,
            let stray = adapter.strayReport(in: body, asked: id, of: object.agent)
        else { return read }
        return read.withoutReport(stray)
    }
}

/// Error bodies in the forms of the vendors' documentation (docs/remotes, "The vendor's documents" of each page).
enum ErrorText {
    /// One line from an error body, or nil if it has none of the known forms.
    static func explanation(_ body: JSONValue) -> String? {
        if let problem = body["error"]?.objectValue { return explanation(.object(problem)) }
        var parts: [String] = []
        for name in ["code", "title", "detail", "message"] {
            if let text = body[name]?.stringValue, !parts.contains(text) { parts.append(text) }
        }
        if let error = body["error"]?.stringValue { parts.append(error) }
        switch body["errors"] ?? body["issues"] {
        case .array(let entries)?:
            parts += entries.prefix(5).map(entry)
        case .object(let fields)?:
            parts += fields.firstMembers(5).map { "\($0.key): \(strings(in: $0.value))" }
        default: break
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// The error's code, if there is one: `rate_limit_exceeded`.
    static func code(_ body: JSONValue) -> String? {
        let code = body["code"]?.stringValue ?? body["error"]?["code"]?.stringValue
        guard let code, code.utf8.count <= 40, code.contains("_"), code.allSatisfy({ $0.isLowercase || $0 == "_" }) else { return nil }
        return code
    }

    private static func entry(_ entry: JSONValue) -> String {
        let field = entry["field"]?.stringValue.map { " (\($0))" } ?? ""
        return [entry["code"]?.stringValue, entry["message"]?.stringValue].compactMap { $0 }.joined(separator: ": ") + field
    }

    private static func strings(in value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .array(let values): values.prefix(3).map(strings).joined(separator: ", ")
        default: value.text
        }
    }
}
