/// Sending everything again, because the remote was restored from a backup or emptied.
extension LinkRecord {
    /// Forgets what is known of the remote, so that everything is due. The next acknowledgement is a first contact: what the remote reports
    /// until then is not adopted, however old or new it is.
    ///
    /// Values that the remote refuses stay unsent until they change here; so do assignments that are not ours to revoke or were removed at
    /// the remote.
    /// - Parameter now: reads and calls that began before then say nothing about the remote's present state.
    package mutating func forget(at now: Instant) {
        var record = LinkRecord(
            fields: fields.mapValues { field in
                switch field.note {
                case .refused?, .notOurs?, .takenOff?: FieldRecord(ours: field.ours, note: field.note)
                // Both sides agreed that nobody is assigned: a user who reappears had been assigned before that.
                default: FieldRecord(isByUs: field.ours == .value(.null) && field.held == .value(.null))
                }
            })
        record.lastHeardAt = max(now, lastHeardAt ?? now)
        record.forgottenAt = now
        record.customerWroteAt = customerWroteAt
        record.events = events
        record.takenOff = takenOff
        record.rowsBefore = rowsBefore
        self = record
    }
}
