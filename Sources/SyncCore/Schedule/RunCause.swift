/// Why a run begins. The raw values appear in `runs.cause` and in the log.
package enum RunCause: String, CaseIterable, Sendable {
    case startup
    /// The interval is over.
    case interval
    /// Another process wrote to the database.
    case change
    /// A row falls due again, or the gate of a waiting remote opens.
    case retry
    /// `convosync sync`, a reload, or a webhook call.
    case request
}
