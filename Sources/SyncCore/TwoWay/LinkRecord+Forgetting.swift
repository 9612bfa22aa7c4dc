/// Sending everything again, because the remote was restored from a backup or emptied.
extension LinkRecord {
    /// Nothing is known of the remote any more, so that everything is due. The next acknowledgement is a first contact: what the remote
    /// reports until then is not adopted, however old or new it is.
    ///
    /// What the remote refuses stays unsent until it changes here, and so does what is not ours to revoke or was taken off over there.
    /// - Parameter now: reads and calls that began before say nothing about the remote as it is.
    package mutating func forget(at now: Instant) {
        var record = LinkRecord(
            fields: fields.mapValues { field in
                switch field.note {
                case .refused?, .notOurs?, .takenOff?: FieldRecord(ours: field.ours, note: field.note)
                // Both sides agreed on nobody: whoever is there again was there before.
                default: FieldRecord(isByUs: field.ours == .value(.null) && field.held == .value(.null))
                }
            })
        record.lastHeardAt = max(now, lastHeardAt ?? now)
        record.forgottenAt = now
        record.customerWroteAt = customerWroteAt
        record.events = events
        record.takenOff = takenOff
        self = record
    }
}
