import SyncCore
import SyncRemotes

/// The response to a call that changes something.
enum WritePromises {
    private static let delta = Delta(fields: [
        "status": "resolved", "state": "ended_chat", "title": "Where is my parcel", "tags": ["a", "b"], "user_id": 7, "user.id": "u1",
        "user.email": .string(ResponsePromises.address),
    ])
    private static let redaction = Redaction(
        credential: ResponsePromises.token,
        body: ["user": ["name": "Aurelia Quennell", "email": .string(ResponsePromises.address)], "title": "Where is my parcel"])

    static func check(_ reply: HTTPReply, by reader: ReplyReader) throws(BrokenPromise) -> FuzzTarget.Reading {
        let outcome = read(reply, by: reader)
        try checkTexts(of: outcome)
        try checkMeaning(of: outcome, status: reply.status)
        if let observation = outcome.observation { try ResponsePromises.check(observation) }
        if let value = try? JSONValue(bytes: reply.body), case .object = value {
            var again = reply
            again.body = Array(value.text.utf8)
            try BrokenPromise.unless(read(again, by: reader) == outcome, "the same JSON in another form is read alike: \(outcome)")
        }
        return outcome.outcome == .delivered ? .accepted : .refused
    }

    private static func read(_ reply: HTTPReply, by reader: ReplyReader) -> DeliveryOutcome {
        reader.read(reply, delta: delta, about: "17", redaction: redaction, now: WaitPromises.now)
    }

    private static func checkTexts(of outcome: DeliveryOutcome) throws(BrokenPromise) {
        var texts = [("the error", outcome.error, limit: 400), ("the excerpt", outcome.responseExcerpt, limit: 500)]
        texts += outcome.partialErrors.map { ("a partial error", $0, limit: 400) }
        for (name, text, limit) in texts {
            try TextPromises.checkLine(text, name, limit: limit)
            try TextPromises.checkSecrecy(text, name, of: ResponsePromises.token)
            try TextPromises.checkSecrecy(text, name, of: ResponsePromises.address)
        }
        if let stray = outcome.stray { try TextPromises.checkLine(stray.answered, "the id of another object", limit: 100) }
    }

    private static func checkMeaning(of outcome: DeliveryOutcome, status: Int) throws(BrokenPromise) {
        let isSuccess = (200...299).contains(status)
        try BrokenPromise.unless(isSuccess || outcome.outcome != .delivered, "only a success delivers: \(outcome)")
        try BrokenPromise.unless((outcome.error == nil) == (outcome.outcome == .delivered), "a failure has an error: \(outcome)")
        try BrokenPromise.unless(outcome.stray == nil || outcome.observation == nil, "nothing of another object is used: \(outcome)")
        if let refusal = outcome.refusal {
            try BrokenPromise.unless(
                refusal.members.isSubset(of: delta.fields.keys), "a member that was not sent is not refused: \(outcome)")
            try BrokenPromise.unless(outcome.outcome == .dead, "members are refused with their call: \(outcome)")
        }
        try BrokenPromise.unless(Set(outcome.drift).isSubset(of: delta.fields.keys), "only what was sent drifts: \(outcome)")
    }
}
