import SyncCore

/// A message as it is in `outbox.body`.
struct PlannedMessage {
    var body: String

    /// Whether planning would write another call now: the message has another text or other attachments, or its user is another one or was changed.
    /// The timestamp does not count, because planning may have moved it. Of the user's attributes those count that the message carries: the configuration
    /// may leave the others out.
    func isCorrected(_ present: PresentMessage) -> Bool {
        // A body that cannot be read is planned again, so nothing is lost.
        guard let planned = try? JSONValue(stored: body) else { return true }
        let plannedText = planned["message"]?["body"]?.stringValue ?? ""
        let plannedAttachments = planned["attachments"]?.arrayValue ?? []
        return !plannedText.hasSameBytes(as: present.text ?? "") || plannedAttachments != JSONColumn.array(present.attachments)
            || isUserCorrected(planned["user"], present)
    }

    /// - Parameter planned: nil for a call that carries no user.
    private func isUserCorrected(_ planned: JSONValue?, _ present: PresentMessage) -> Bool {
        guard let planned else { return false }
        let texts: [(member: String, text: String?)] = [("id", present.userID), ("name", present.userName), ("email", present.userEmail)]
        for (member, text) in texts where (planned[member] ?? .null) != JSONValue.nullable(text) { return true }
        let sent: JSONObject = planned["attributes"]?.objectValue ?? [:]
        let wanted: JSONObject = JSONColumn.object(present.userAttributes).value ?? [:]
        return sent.contains { wanted[$0.key] != $0.value }
    }
}

/// What the tables hold now of what a message is planned from.
struct PresentMessage {
    /// `messages m`, `conversations c`, `users u`.
    static let columns: SQL = "m.body, m.attachments, c.user_id, u.name, u.email, u.attributes"

    var text: String?
    var attachments: String?
    var userID: String?
    var userName: String?
    var userEmail: String?
    var userAttributes: String?

    init(_ columns: inout Columns) throws {
        text = try columns.next()
        attachments = try columns.next()
        userID = try columns.next()
        userName = try columns.next()
        userEmail = try columns.next()
        userAttributes = try columns.next()
    }
}
