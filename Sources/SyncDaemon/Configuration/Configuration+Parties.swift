import SyncCore
import SyncStore

extension Configuration {
    /// Who takes part in an exchange with the store. All remotes, also those that are disabled: the store has to know which these are.
    package var parties: Parties { Parties(remotes, brake: brake, isGone: ProcessIdentity.isGone) }
}
