/// What a system answers to a call that it has taken over. What comes back is not fixed in any of the four documents.
package enum WriteResponse: String, Sendable, CaseIterable {
    /// The conversation, as the documents' examples show it.
    case document
    /// The conversation without the date of its last change.
    case undated
    /// 204, which has no body (RFC 9110 section 15.3.5).
    case empty
}

extension WriteResponse {
    func apply(to answer: inout RemoteAnswer, kind: RemoteKind) {
        guard answer.outcome == .applied else { return }
        switch self {
        case .document: break
        case .undated: for path in kind.datePaths { answer.body.remove(path) }
        case .empty: answer.status = 204
        }
    }
}

extension RemoteKind {
    /// Where an answer says when the conversation last changed. voicebot shows no such date, fin's answers are not about a conversation's
    /// state.
    fileprivate var datePaths: [[String]] {
        switch self {
        case .helpdesk: [["data", "updated_at"]]
        case .vg: [["data", "lastModified"]]
        case .voicebot, .fin: []
        }
    }
}
