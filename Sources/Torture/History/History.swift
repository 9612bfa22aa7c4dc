import SandboxModel

/// Everything that the comparison looks at: what was wanted, what the remotes received and hold, and what the database holds at rest.
package struct History: Sendable {
    package var journal: Journal
    /// In the order in which the remotes received them.
    package var calls: [Call] = []
    package var kills: [Kill] = []
    /// remote → the remote's own id → state
    package var held: [String: [String: SandboxJSON]] = [:]
    package var tables = Tables()
    /// Ends and log lines of processes that must not occur.
    package var failures: [String] = []
    /// The number of calls that came although nothing had changed since everything was at rest.
    package var callsAtRest = 0

    /// The tables at rest.
    package struct Tables: Sendable {
        package var conversations: [Truth] = []
        /// conversation → the application's columns, as the journal has them
        package var rows: [String: Journal.State] = [:]
        /// conversation → the texts of its user's messages, oldest first
        package var messages: [String: [String]] = [:]
        /// The tables that only the application writes, as text, before and after.
        package var ownRows: (expected: String, found: String) = ("", "")
        /// The results of `PRAGMA integrity_check` and `PRAGMA foreign_key_check`, one line each.
        package var integrity: [String] = ["ok"]
        /// Outbox rows that are neither delivered, superseded nor discarded, and entries that were not planned.
        package var unfinished: [String] = []

        package init() {}
    }

    package init(journal: Journal) { self.journal = journal }
}
