import SyncCore
import SyncHTTP
import SyncStore

extension SyncEngine {
    /// What the engine is made of; tests put in their own transport, clock and random numbers.
    package struct Parts: Sendable {
        package var store: Store
        package var log: EventLog
        package var random: RandomSource
        /// Outlives the engine: a reload does not begin to count anew.
        package var tally: DeliveryTally
        package var now: @Sendable () -> Instant
        package var makeTransport: @Sendable (HTTPLimits) -> any HTTPTransport

        package init(
            store: Store, log: EventLog, random: RandomSource = RandomSource(), tally: DeliveryTally = DeliveryTally(),
            now: @escaping @Sendable () -> Instant = SystemClock.now,
            makeTransport: @escaping @Sendable (HTTPLimits) -> any HTTPTransport = { NetworkTransport($0) }
        ) {
            self.store = store
            self.log = log
            self.random = random
            self.tally = tally
            self.now = now
            self.makeTransport = makeTransport
        }
    }

    /// A parked remote whose token was replaced is probed at once, without a run; the run afterwards finds out what is due next.
    static func watch(
        _ credentials: Credentials, of lanes: [Lane], log: EventLog, onWork: @escaping @Sendable () -> Void
    ) -> CredentialWatcher {
        let sources = Dictionary(uniqueKeysWithValues: lanes.map { ($0.remote.name, $0.remote.credential) })
        return CredentialWatcher(sources, credentials: credentials, log: log) { names in
            Task {
                var wasParked = false
                for lane in lanes where names.contains(lane.remote.name) {
                    if await lane.credentialChanged() { wasParked = true }
                }
                if wasParked { onWork() }
            }
        }
    }
}
