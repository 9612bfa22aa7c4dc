/// A parsed request to one instance, as the simulated systems receive it.
struct RemoteCall: Sendable {
    let request: SimulatedRequest
    /// The decoded path segments after the instance's own.
    let segments: [String]
    /// Nil for an empty body.
    let body: Result<SandboxJSON, JSONReadError>?

    init(_ request: SimulatedRequest) {
        self.request = request
        self.segments = Array(request.target.segments.dropFirst())
        self.body = request.body.isEmpty ? nil : SandboxJSON.reading(request.body)
    }

    var method: String { request.method }

    /// The requested path, without the query.
    var path: String { request.target.path }

    /// `http://host:port/instance`, for links in responses.
    var base: String { "http://\(request.authority)/\(request.target.segments.first ?? "")" }

    var contentType: String? { request.headers["Content-Type"] }

    /// The body's object, if it is one.
    var bodyObject: [String: SandboxJSON]? {
        guard case .success(.object(let members)) = body else { return nil }
        return members
    }

    /// The object that a call with a body must carry, as `application/json`.
    ///
    /// All four documents show `application/json` requests. Another type gets status 415, and a body that is not a JSON object 400.
    func requireObject() throws(RemoteRefusal) -> SandboxJSON {
        guard let contentType, Self.isJSON(contentType) else {
            throw RemoteRefusal(status: 415, code: "unsupported_media_type", message: "Content-Type must be application/json")
        }
        switch body {
        case .none:
            throw RemoteRefusal(status: 400, code: "invalid_body", message: "the body is empty")
        case .failure(let error):
            throw RemoteRefusal(status: 400, code: "invalid_body", message: "the body is not JSON: \(error)")
        case .success(let value):
            guard case .object = value else {
                throw RemoteRefusal(status: 400, code: "invalid_body", message: "the body must be an object, not \(value.typeName)")
            }
            return value
        }
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let expected = "application/json"
        guard contentType.count >= expected.count, contentType.prefix(expected.count).lowercased() == expected else { return false }
        let rest = contentType.dropFirst(expected.count)
        return rest.isEmpty || rest.first == ";" || rest.first == " "
    }
}

/// Identifies the conversation of a call.
struct ConversationKey: Sendable, Hashable {
    /// Set where ids are unique only within one agent.
    let agent: String?
    let conversation: String

    init(_ conversation: String, agent: String? = nil) {
        self.agent = agent
        self.conversation = conversation
    }

    var text: String { agent.map { "\($0)/\(conversation)" } ?? conversation }

    /// Whether a name in a control call or a fault rule means this conversation: `c1`, or `a1/c1` if it has an agent.
    func matches(_ name: String) -> Bool {
        conversation == name || (agent != nil && text == name)
    }

    /// Whether any of the names means this conversation.
    func isNamed(in names: Set<String>) -> Bool {
        !names.isEmpty && (names.contains(conversation) || (agent != nil && names.contains(text)))
    }
}

extension ConversationKey: Comparable {
    static func < (left: ConversationKey, right: ConversationKey) -> Bool {
        (left.text, left.agent ?? "") < (right.text, right.agent ?? "")
    }
}
