import SyncCore
import SyncStore

extension Store {
    /// To be called by a command before it makes anything due: a service that has not noticed yet that the clock was set would shift that time, too.
    package func followClock() async throws(StoreError) {
        try await followClock(SystemClock.time(), boot: ProcessIdentity.current().bootID)
    }
}
