/// Why a run begins. The words stand in `runs.cause` and in the log.
package enum RunCause: String, CaseIterable, Sendable {
    case startup
    /// The interval is over.
    case interval
    /// The database was written by somebody else.
    case change
    /// A row falls due again, or a remote that waited opens.
    case retry
    /// `convosync sync`, a reload, or a webhook call.
    case request
}
