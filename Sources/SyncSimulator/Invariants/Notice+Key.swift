import SyncCore

extension Notice {
    /// Nil for a notice that is not kept.
    var key: String? {
        switch self {
        case .status(_, _, _, let key), .message(_, _, _, _, let key): key
        case .changed, .somethingChanged: nil
        }
    }
}
