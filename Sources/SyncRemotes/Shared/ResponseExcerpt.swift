import SyncCore

/// What is kept of a response that is not an acknowledgement (`outbox_attempts.response_excerpt`).
///
/// | response                               | is kept                                                           |
/// |----------------------------------------|-------------------------------------------------------------------|
/// | any status but 2xx                     | its beginning, redacted                                           |
/// | 2xx with a JSON object, about an error | the members that an error consists of (``errorMembers``), redacted |
/// | 2xx with anything else                 | its kind and size                                                 |
///
/// With a 2xx the remote may have accepted the call, and responded with a conversation: texts that the call did not carry, and that are not
/// recognised. Fin's responses may have a URL with an access token in it; neither is kept of any response (``AccessTokens``).
enum ResponseExcerpt {
    /// What ``ErrorText`` reads, and the status of a problem.
    private static let errorMembers: Set<String> = [
        "error", "code", "title", "detail", "message", "errors", "issues", "field", "status", "success",
    ]
    private static let stream: Set<String> = ["sse_subscription_url", "accessToken"]
    /// In bytes: more than a redaction reads.
    private static let longestText = 8192
    private static let longestList = 20

    static func text(of reply: HTTPReply, _ body: JSONValue?, _ redaction: Redaction) -> String {
        let isSuccess = (200...299).contains(reply.status)
        guard let body else {
            if isSuccess { return "(\(description(of: reply, nil)))" }
            return redaction.apply(toBeginningOf: String(decoding: reply.body.prefix(longestText), as: UTF8.self))
        }
        // In JSON the strings themselves are redacted: an escape cannot hide a name.
        guard isSuccess else { return withoutStream(redaction.excerpt(of: body)).text }
        guard let members = body.objectValue else { return "(\(description(of: reply, body)))" }
        return withoutStream(redaction.excerpt(of: .object(errorPart(of: members)))).text
    }

    private static func description(of reply: HTTPReply, _ body: JSONValue?) -> String {
        if reply.bodyFailure != nil { return "\(reply.body.count) bytes of a response that cannot be read" }
        guard !reply.body.isEmpty else { return "an empty body" }
        return "\(body.map { "a JSON \($0.typeName)" } ?? "not JSON"), \(reply.body.count) bytes"
    }

    private static func errorPart(of problem: JSONObject) -> JSONObject {
        var part = plainMembers(of: problem)
        if let nested = problem["error"]?.objectValue { part["error"] = .object(errorPart(of: nested)) }
        for name in ["errors", "issues"] {
            switch problem[name] {
            case .array(let entries)?: part[name] = .array(entries.prefix(longestList).compactMap { entry($0) })
            // The names of fields, each with what is wrong with it.
            case .object(let fields)?: part[name] = .object(fields.filter { $0.key != "data" && isPlainList($0.value) })
            default: break
            }
        }
        return part
    }

    private static func plainMembers(of problem: JSONObject) -> JSONObject {
        problem.filter { errorMembers.contains($0.key) && isPlain($0.value) }
    }

    private static func entry(_ value: JSONValue) -> JSONValue? {
        if let problem = value.objectValue { return .object(plainMembers(of: problem)) }
        return isPlain(value) ? value : nil
    }

    private static func isPlainList(_ value: JSONValue) -> Bool { value.arrayValue?.allSatisfy { isPlain($0) } ?? isPlain(value) }

    private static func isPlain(_ value: JSONValue) -> Bool { value.objectValue == nil && value.arrayValue == nil }

    private static func withoutStream(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let entries): .array(entries.map { withoutStream($0) })
        case .object(let members): .object(members.filter { !stream.contains($0.key) }.mapValues { withoutStream($0) })
        default: value
        }
    }
}
