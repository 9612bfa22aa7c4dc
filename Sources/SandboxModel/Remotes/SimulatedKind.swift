/// Everything that is specific to a kind of remote system, besides the state and the rules of its calls (``RemoteSystem``).
///
/// The value of a kind is in the folder of the kind, and in ``all``; nothing else distinguishes kinds.
package struct SimulatedKind: Sendable {
    package static let all: [SimulatedKind] = [.helpdesk, .fin, .voicebot, .vg]

    /// The name in records, and of the first instance.
    package let name: String
    /// The first path segments of instances. A client's url contains the first of them.
    let pathPrefixes: [String]
    let makeSystem: @Sendable () -> any RemoteSystem
    /// What control calls can set on a conversation that they create or change. The id is the member `conversation`.
    let controlShape: FieldShape
    /// The options that only this kind has.
    var options: @Sendable (DeclaredOptions) -> [any AnyInstanceOption] = { _ in [] }
    /// Header fields in the records of requests, besides those of all kinds.
    var recordedHeaders: [RecordedHeader] = []
    /// The documented form of errors.
    let errorForm: @Sendable (_ refusal: RemoteRefusal, _ path: String, _ context: RemoteContext) -> ErrorForm
    /// The body that the document specifies for a failure inside a 200, for a call to a path; nil if the system applies the call and reports the
    /// failure itself (``RemoteContext/failsInside``).
    var errorInside: (@Sendable (_ path: String) -> SandboxJSON)?
    /// JSON with the documented names and other types.
    let wrongShape: SandboxJSON
    /// The paths at which a response shows the status value.
    let statusPaths: [[String]]
    /// The paths at which a response shows the date of the conversation's last change; empty if it does not.
    var changeDatePaths: [[String]] = []
    /// The headers of a response beyond the rate limit, besides `Retry-After`.
    var rateLimitHeaders: @Sendable (_ limit: RateLimit, _ now: SandboxInstant) -> [HTTPHeader] = { _, _ in [] }
    let webhookProof: WebhookProof

    /// A header field and its member in the record of a request.
    struct RecordedHeader: Sendable {
        let header: String
        let member: String
    }

    /// The body of an error, and its header fields.
    struct ErrorForm: Sendable {
        let body: SandboxJSON
        var headers: [HTTPHeader] = []
    }
}

extension SimulatedKind {
    func response(to refusal: RemoteRefusal, path: String, context: RemoteContext) -> RemoteResponse {
        let form = errorForm(refusal, path, context)
        var headers = refusal.headers
        if refusal.status == 401 { headers.append(HTTPHeader("WWW-Authenticate", "Bearer")) }
        return RemoteResponse(
            status: refusal.status,
            headers: headers + form.headers,
            body: form.body,
            outcome: refusal.status == 429 ? .throttled : .rejected,
            detail: refusal.message
        )
    }

    /// This kind's error body for a status that a fault rule specifies.
    func errorBody(status: Int, message: String, path: String, context: RemoteContext) -> SandboxJSON {
        let code = status == 429 ? "rate_limit_exceeded" : status == 401 ? "unauthorized" : "sandbox_fault"
        return errorForm(RemoteRefusal(status: status, code: code, message: message), path, context).body
    }
}

// MARK: Instances

extension SimulatedKind {
    /// The longest suffix of an instance name, to limit what a client can make the sandbox store.
    private static let maximumSuffixLength = 40

    /// The kind and the canonical instance name of a first path segment: `vg-eu` is a second instance beside `vg`. Another prefix of the same kind
    /// refers to the same instance.
    package static func resolve(_ segment: some StringProtocol) -> (kind: SimulatedKind, instance: String)? {
        for kind in all {
            for prefix in kind.pathPrefixes where segment.hasPrefix(prefix) {
                let suffix = segment.dropFirst(prefix.count)
                if isSuffix(suffix) { return (kind, kind.name + suffix) }
            }
        }
        return nil
    }

    private static func isSuffix(_ text: some StringProtocol) -> Bool {
        text.isEmpty || (text.first == "-" && text.count > 1 && text.count <= maximumSuffixLength && text.utf8.allSatisfy(isNameByte))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: byte.isDigit
        }
    }

    /// The path segment of an instance in a client's url; a name that is not an instance name is returned unchanged.
    package static func pathSegment(of instance: String) -> String {
        guard let (kind, name) = resolve(instance), let prefix = kind.pathPrefixes.first else { return instance }
        return prefix + name.dropFirst(kind.name.count)
    }

    /// The paths of all kinds for a sentence, with the kind's name if it differs: `a, b (c) and d`.
    package static var listing: String {
        let paths = all.map { kind in
            let path = pathSegment(of: kind.name)
            return path == kind.name ? path : "\(path) (\(kind.name))"
        }
        return paths.dropLast().joined(separator: ", ") + " and " + (paths.last ?? "")
    }
}
