import SyncCore

/// An outbox row with all columns that determine what an action does to it.
struct ManagedRow: RowRecord {
    var id: Int64
    /// Of the unfinished rows of its conversation and remote, those with a lower place are sent before.
    var place: Int64
    var state: String
    /// True for the state of a conversation, false for a message.
    var isState: Bool
    var lastError: String?
    var conversationID: String
    var remote: String
    var messageID: String?
    /// There is a newer state row of the conversation.
    var hasSuccessor: Bool
    /// The row belongs to a message that was deleted.
    var isMessageDeleted: Bool
    /// The row could not be planned, whatever became of it since.
    var isRefused: Bool
    var method: String
    var path: String
    /// The row is a message that was sent, and it is unknown whether it arrived.
    var isMessageInDoubt: Bool
    /// The remote reported that the object is gone.
    var isLinkGone: Bool
    /// The row belongs to a message for which there is a newer row, whatever became of that one, or that waits to be planned. Only the newest
    /// row of a message may be sent: two of them would be two messages to the remote.
    var isMessagePlannedAnew: Bool
    /// The row belongs to a message that is in another conversation now.
    var isMessageMoved: Bool
    /// The row belongs to a message whose author is somebody else than the user now.
    var hasOtherAuthor: Bool
    /// The row belongs to a message whose text, attachments or user differ from what was planned. False for a message in doubt: it is
    /// repeated with the same bytes, by which the remote recognises the repetition.
    var isMessageCorrected: Bool
    /// Nil if the row is not about members that the remote refuses.
    var refusedMembers: Set<String>?
    var heldBy: Holder?
    var supersededBy: Int64?

    /// Of the table `outbox` under the name `o`.
    static let columns: SQL = """
        o.id, coalesce(o.place, o.id), o.state, o.payload = 'state', o.last_error, o.conversation_id, o.remote, o.message_id,
        EXISTS (SELECT 1 FROM outbox n WHERE n.conversation_id = o.conversation_id AND n.remote = o.remote
            AND n.payload = 'state' AND n.id > o.id AND n.state <> 'discarded'),
        o.payload = 'message' AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = o.message_id),
        o.is_refused, o.method, o.path, o.payload = 'message' AND o.in_doubt_since IS NOT NULL,
        o.payload = 'state' AND EXISTS (SELECT 1 FROM link_state s
            WHERE s.conversation_id = o.conversation_id AND s.remote = o.remote AND s.gone_at IS NOT NULL),
        o.payload = 'message' AND (
            EXISTS (SELECT 1 FROM outbox n WHERE n.message_id = o.message_id AND n.remote = o.remote AND n.id > o.id)
            OR EXISTS (SELECT 1 FROM message_feed f WHERE f.message_id = o.message_id AND f.remote IN (\(FeedTarget.everyRemote), \(FeedTarget.conversationMissing), o.remote))),
        o.payload = 'message' AND EXISTS (SELECT 1 FROM messages m
            WHERE m.id = o.message_id AND m.conversation_id IS NOT o.conversation_id),
        o.payload = 'message' AND EXISTS (SELECT 1 FROM messages m WHERE m.id = o.message_id AND m.author <> 'user'),
        CASE WHEN o.payload = 'message' AND o.in_doubt_since IS NULL AND o.state <> 'uncertain' THEN o.body END,
        (SELECT m.body FROM messages m WHERE o.payload = 'message' AND m.id = o.message_id),
        (SELECT m.attachments FROM messages m WHERE o.payload = 'message' AND m.id = o.message_id),
        (SELECT c.user_id FROM conversations c WHERE o.payload = 'message' AND c.id = o.conversation_id),
        (SELECT u.name FROM conversations c JOIN users u ON u.id = c.user_id WHERE o.payload = 'message' AND c.id = o.conversation_id),
        (SELECT u.email FROM conversations c JOIN users u ON u.id = c.user_id WHERE o.payload = 'message' AND c.id = o.conversation_id),
        (SELECT u.attributes FROM conversations c JOIN users u ON u.id = c.user_id WHERE o.payload = 'message' AND c.id = o.conversation_id),
        o.refused_members, o.held_by, o.superseded_by
        """

    init(_ columns: inout Columns) throws {
        id = try columns.next()
        place = try columns.next()
        state = try columns.next()
        isState = try columns.next()
        lastError = try columns.next()
        conversationID = try columns.next()
        remote = try columns.next()
        messageID = try columns.next()
        hasSuccessor = try columns.next()
        isMessageDeleted = try columns.next()
        isRefused = try columns.next()
        method = try columns.next()
        path = try columns.next()
        isMessageInDoubt = try columns.next()
        isLinkGone = try columns.next()
        isMessagePlannedAnew = try columns.next()
        isMessageMoved = try columns.next()
        hasOtherAuthor = try columns.next()
        let planned: String? = try columns.next()
        let present = try PresentMessage(&columns)
        isMessageCorrected = planned.map { PlannedMessage(body: $0).isCorrected(present) } ?? false
        let members: String? = try columns.next()
        refusedMembers = members.map { Set(JSONValue.names(column: $0)) }
        let holder: String? = try columns.next()
        heldBy = holder.flatMap(Holder.init(rawValue:))
        supersededBy = try columns.next()
    }

    var isHeldAsUndone: Bool { heldBy == .undone }
}

extension ManagedRow {
    /// Nil if the action applies.
    func obstacle(to action: OutboxAction, acceptDuplicate: Bool) -> ManagingObstacle? {
        guard let state = OutboxState(rawValue: state) else { return .unknownState }
        guard action.applicableStates.contains(state) else { return .state(state, holder: heldBy, supersededBy: supersededBy) }
        guard action == .retry else { return nil }
        if !acceptDuplicate {
            if state == .uncertain { return .mayHaveArrived(wasDiscarded: false) }
            if state == .discarded, isMessageInDoubt { return .mayHaveArrived(wasDiscarded: true) }
        }
        if isMessageDeleted { return .messageDeleted }
        if hasOtherAuthor { return .messageOfAnotherAuthor }
        if isMessagePlannedAnew { return .messagePlannedAnew }
        return nil
    }

    /// What the action does to a row that it applies to.
    func effect(of action: OutboxAction) -> ManagingResult.Effect {
        switch action {
        case .discard: return .drop
        case .release: return isMessageCorrected ? .planAgain : .sendNow
        case .retry:
            let wasDropped = state == OutboxState.discarded.rawValue
            // A row that could not be sent as it was is planned again from the current columns. So is a state row that was discarded or that a newer
            // row has overtaken, because it may be out of date. While a link is gone nothing is planned for it, so its row may be out of date as
            // well. A refused member is sent together with the other fields that are due, and a message with the text and the user that it has now.
            let isPlannedAgain =
                isRefused || isMessageMoved || isMessageCorrected || refusedMembers != nil
                || (isState && (hasSuccessor || wasDropped || isLinkGone))
            return isPlannedAgain ? .planAgain : .sendAgain
        }
    }
}

extension JSONValue {
    /// A column written by this program with a list of names; empty if it cannot be read.
    static func names(column text: String) -> [String] {
        // An unreadable `outbox.refused_members` is treated like an empty one: the members stay refused, and nothing is lost.
        (try? JSONValue(stored: text))?.arrayValue?.compactMap(\.stringValue) ?? []
    }
}
