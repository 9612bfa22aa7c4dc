/// A value as known on one side of a link.
package enum KnownValue: Sendable, Hashable {
    /// Nothing was ever agreed, or nothing is known: the wanted value is due.
    case never
    /// The local row makes no statement about the field.
    case noStatement
    case value(JSONValue)

    package var value: JSONValue? { if case .value(let value) = self { value } else { nil } }
}

/// What is known about one field of a link.
///
/// The *agreed pair* is `ours` and `theirs`: the local image and the remote's own value at the last time both sides agreed. The remote
/// changed if `held` differs from `theirs`; the local row has something to send if its image differs from `ours`, or if the field is in
/// doubt. The two are independent: sending a value does not mean that the local side made the change.
package struct FieldRecord: Sendable, Equatable {
    /// Why both sides of the agreed pair may differ.
    package enum Note: String, Sendable, CaseIterable {
        /// The remote stored another form of the value that was sent.
        case drift
        /// The response did not show the field; a read will.
        case unshown
        case refused
        /// A status value that must not replace the one at the remote.
        case `guard`
        /// A person at the remote set it: it is not ours to revoke.
        case notOurs = "not ours"
        case takenOff = "taken off"
    }

    /// The numbers of the local changes that `ours` includes, one for each attribute that the field shows.
    package var upTo: ByAttribute<Int64>
    package var ours: KnownValue
    package var theirs: KnownValue
    /// The value that the remote was last known to have.
    package var held: KnownValue
    /// The values of calls of unknown fate since the last acknowledgement, the latest one last.
    package var doubt: [JSONValue]
    /// The values that were in doubt when another one was refused: none of them is sent again, but the remote may show one as if it had been
    /// changed there.
    package var lost: [JSONValue] = []
    /// Whether `theirs` was set by one of our calls.
    package var isByUs: Bool
    package var note: Note?

    package init(
        upTo: ByAttribute<Int64> = .init(repeating: -1), ours: KnownValue = .never, theirs: KnownValue = .never,
        held: KnownValue = .never, doubt: [JSONValue] = [], isByUs: Bool = false, note: Note? = nil
    ) {
        self.upTo = upTo
        self.ours = ours
        self.theirs = theirs
        self.held = held
        self.doubt = doubt
        self.isByUs = isByUs
        self.note = note
    }
}

/// What is known about one link.
package struct LinkRecord: Sendable, Equatable {
    /// The date in the response to our last call: it orders reports, and is not the date of anybody's change.
    package enum OwnDate: Sendable, Equatable {
        /// There was no call yet.
        case noCall
        /// The call was lost, or its response had no date.
        case undated
        case date(Instant)
    }

    /// The values before the remote's last change, until a report agrees with the record.
    package enum Former: Sendable, Equatable {
        case none
        /// The first contact has just ended: any difference may be an older state.
        case anything
        case values([String: KnownValue])
    }

    /// A date below the floor, and how many reads in a row reported it.
    package struct Older: Sendable, Equatable {
        package var date: Instant
        package var reads: Int

        package init(date: Instant, reads: Int) {
            self.date = date
            self.reads = reads
        }
    }

    /// A value that was sent back, and when.
    package struct SendBack: Sendable, Equatable {
        package var value: KnownValue
        package var at: Instant

        package init(value: KnownValue, at: Instant) {
            self.value = value
            self.at = at
        }
    }

    package struct TakenOff: Sendable, Equatable {
        package var assigneeID: String
        package var number: Int64

        package init(assigneeID: String, number: Int64) {
            self.assigneeID = assigneeID
            self.number = number
        }
    }

    package var fields: [String: FieldRecord]
    /// A call was acknowledged, or there was nothing to send: the first contact is over.
    package var isKnown = false
    /// The numbers of the local changes that the values in doubt came from.
    package var doubtOf: ByAttribute<Int64>?
    /// Reports that the remote dates before this are stale.
    package var floor: Instant?
    package var ownDate = OwnDate.noCall
    /// The names of the fields in our last call.
    package var carried: Set<String> = []
    package var former = Former.none
    /// An earlier value was reported once, and is being read again.
    package var isSuspect = false
    package var older: Older?
    /// A read that began before this is ignored.
    package var lastHeardAt: Instant?
    /// When the remote was last known to have `theirs` in every field.
    package var checkedAt: Instant?
    /// When the read or response came, or the read began, that last showed every field whose value must not be replaced unseen
    /// (``Adapter/isGuarded(_:)``). A response that shows nothing does not count.
    package var shownAt: Instant?
    /// The remote's date of its present values.
    package var heldDate: Instant?
    /// When a read first showed its present values, if they have no such date and are not those of a call of ours.
    package var heldSince: Instant?
    /// When the customer last wrote, as the remote reports it.
    package var customerWroteAt: Instant?
    package var sendBacks: [SendBack] = []
    /// The status value that was sent back too often.
    package var hold: KnownValue?
    /// Whether a row was already written about the hold.
    package var isHoldSaid = false
    /// The values of a call that the remote refused without naming a member: the refused one is being searched for (``Refused``).
    package var probing: Fields = [:]
    /// The status alone was refused as well; the rest is sent together.
    package var probesRest = false
    /// When anything was last written at the remote, and how often the customer has replied, as the remote counts: an increase means that
    /// the customer wrote.
    package var lastMessageAt: Instant?
    package var interactions: Int64?
    /// The remote has a finished status that waits for a person to check (``TwoWayRules/areEndsHeld``).
    package var hasHeldEnd = false
    /// The state of the remote's events, if they arrive in any order (fin).
    package var events: EventOrder?
    /// The AI's assignee that an event removed, with the number of that change: until the assignee changes again.
    package var takenOff: TakenOff?
    /// Since when everything is to be sent again (``forget(at:)``); nil once the first contact is over.
    package var forgottenAt: Instant?
    /// The newest outbox row when the record began. That row and those before it were planned from another record, of a conversation or link that was
    /// deleted and written again since.
    package var rowsBefore: Int64 = 0
    /// The record comes from the columns of a former version, which did not contain the local image.
    package var isMigrated = false

    package init(fields: [String: FieldRecord] = [:]) {
        self.fields = fields
    }

    package subscript(name: String) -> FieldRecord { fields[name] ?? FieldRecord() }

    /// The values that the remote is known to have.
    package var heldFields: Fields { Fields(members: fields.compactMap { name, field in field.held.value.map { (name, $0) } }) }

    /// The value that the remote may have: that of the latest call of unknown fate, or else the last known one.
    package func likely(_ name: String) -> JSONValue? { self[name].doubt.last ?? self[name].held.value }

    /// Whether the remote is not known to have any value, and was not sent any.
    package var isBlank: Bool { !fields.values.contains { $0.held.value != nil || !$0.doubt.isEmpty } }
}
