/// The response of a system to a call that it has applied. None of the four documents specifies it.
package enum WriteResponse: String, Sendable, CaseIterable, OptionValue {
    /// The conversation, as in the documents' examples.
    case document
    /// The conversation without the date of its last change.
    case undated
    /// 204, which has no body (RFC 9110 section 15.3.5).
    case empty

    func apply(to response: inout RemoteResponse, kind: SimulatedKind) {
        guard response.outcome == .applied else { return }
        switch self {
        case .document: break
        case .undated: for path in kind.changeDatePaths { response.body.remove(path) }
        case .empty: response.status = 204
        }
    }
}
