import SyncCore
import SyncRemotes

/// Responses of every kind of remote to every call. The first line of an input is `KIND ROLE STATUS`, the rest is the body.
enum ResponsePromises {
    static let token = "tk-9f8e7d6c5b4a-secret"
    static let address = "aurelia.quennell@example.com"
    private static let conversationID = "c1"
    private static let link = Link(remoteID: "17", agentID: "a1")
    private static let kinds = Kinds.all.map { ($0.name, value: $0) }
    private static let roles: [(name: String, value: Kind.Operation.Role)] = [("write", .write), ("list", .list), ("object", .object)]

    @Sendable static func check(_ bytes: [UInt8]) throws(BrokenPromise) -> FuzzTarget.Reading {
        var input = FuzzInput(bytes)
        let kind = input.choose(among: kinds)
        let role = input.choose(among: roles)
        let reply = HTTPReply(status: input.chooseStatus(), body: input.rest)
        let reader = ReplyReader(adapter: kind.adapter(Profile(name: kind.name, kind: kind)), classifier: OutcomeClassifier())
        switch role {
        case .write: return try WritePromises.check(reply, by: reader)
        case .list: return try ListPromises.check(reply, by: reader)
        case .object: return try checkObject(reply, by: reader)
        }
    }

    private static func checkObject(_ reply: HTTPReply, by reader: ReplyReader) throws(BrokenPromise) -> FuzzTarget.Reading {
        guard let body = try state(reply, by: reader) else { return .refused }
        if let stray = reader.adapter.strayReport(in: body, asked: link.remoteID) {
            try TextPromises.checkLine(stray.answered, "the id of another object", limit: 100)
        }
        let read = Result { () throws(Unreadable) in try reader.adapter.conversation(in: body) }
        switch read {
        case .success(let observation):
            try check(observation)
            return .accepted
        case .failure(let refusal):
            try check(refusal)
            return .refused
        }
    }

    /// The body of the response to a call that only reads, if it can be used.
    static func state(_ reply: HTTPReply, by reader: ReplyReader) throws(BrokenPromise) -> JSONValue? {
        let (outcome, body) = reader.readState(reply, now: WaitPromises.now)
        try BrokenPromise.unless((body != nil) == (outcome.outcome == .delivered), "a response is used if it is a success: \(outcome)")
        try TextPromises.checkLine(outcome.error, "the error of a read", limit: 160)
        try BrokenPromise.unless(outcome.responseExcerpt == nil, "nothing of the response to a read is kept")
        return body
    }

    /// A reason is our own text. In it, a code of the remote is at most 40 characters.
    static func check(_ refusal: Unreadable) throws(BrokenPromise) {
        try TextPromises.checkLine(refusal.reason, "the reason", limit: 160)
        try BrokenPromise.unless(refusal.reason.utf8.allSatisfy { $0 < 0x7F }, "the reason is our own text: \(refusal.reason)")
    }

    /// Status values and ids are stored and shown.
    static func check(_ observation: Observation) throws(BrokenPromise) {
        try TextPromises.checkLine(observation.word, "the status value", limit: 60)
        for time in [observation.changedAt, observation.lastMessageAt, observation.lastUserMessageAt] {
            guard let time else { continue }
            // What is stored as text is read as the same time again.
            try BrokenPromise.unless(Instant(iso8601: time.iso8601) == time, "a time can be stored: \(time.milliseconds)")
        }
    }
}
