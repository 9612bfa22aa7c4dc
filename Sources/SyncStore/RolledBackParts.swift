import SyncCore

/// Parts of an exchange that have rolled back its whole transaction, as a trigger of the application can (`RAISE(ROLLBACK)`).
///
/// The exchange is carried out again without such a part, which counts as one that fails because of its rows. A part that consists of several
/// is then carried out one by one, until the one is found that is to blame.
final class RolledBackParts {
    private var problems: [String: StoreError] = [:]
    private var hasNews = false

    /// Why the part is left out; nil if it is carried out.
    subscript(_ name: String) -> StoreError? { problems[name] }

    /// Notes the innermost part that ended the transaction; those around it have no share in that.
    func note(_ problem: StoreError, of name: String) {
        guard case .rolledBack = problem, !hasNews else { return }
        problems[name] = problem
        hasNews = true
    }

    /// Whether the exchange is worth another attempt: something is left out that the last one carried out. So the number of attempts is limited by
    /// that of the parts.
    func takeNews() -> Bool {
        defer { hasNews = false }
        return hasNews
    }
}
