import SyncCore

/// A message as it is in `outbox.body`.
struct PlannedMessage {
    var body: String

    /// Whether the message has another text or other attachments now. Its timestamp does not count, because planning may have moved it.
    func isCorrected(text: String?, attachments: String?) -> Bool {
        // A body that cannot be read is planned again, so nothing is lost.
        guard let planned = try? JSONValue(stored: body) else { return true }
        let plannedText = planned["message"]?["body"]?.stringValue ?? ""
        let plannedAttachments = planned["attachments"]?.arrayValue ?? []
        return !plannedText.hasSameBytes(as: text ?? "") || plannedAttachments != JSONColumn.array(attachments)
    }
}
