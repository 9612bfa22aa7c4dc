import SyncCore
import SyncStore

extension Configuration {
    /// The participants of an exchange with the store. Includes disabled remotes, because the store has to know which these are.
    package var parties: Parties { Parties(remotes, brake: brake, isGone: ProcessIdentity.isGone, uptime: SystemClock.uptime) }
}
