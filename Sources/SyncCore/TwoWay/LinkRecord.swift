/// A value as it is known on one side of a link.
package enum KnownValue: Sendable, Hashable {
    /// Nothing was ever agreed, or nothing is known: what is wanted is due.
    case never
    /// The local row says nothing about the field.
    case noStatement
    case value(JSONValue)

    package var value: JSONValue? { if case .value(let value) = self { value } else { nil } }
}

/// What is known about one field of a link.
///
/// The *agreed pair* is `ours` and `theirs`: the local image and the remote's own value when both sides last knew where they stood. The
/// remote changed if `held` differs from `theirs`; the local row has something to send if its image differs from `ours`, or if the field
/// is in doubt. These are two questions: what is sent says nothing about who acted.
package struct FieldRecord: Sendable, Equatable {
    /// Why both sides of the agreed pair may differ.
    package enum Note: String, Sendable, CaseIterable {
        /// The remote stored another form of what was sent.
        case drift
        /// The response did not show the field; a read will.
        case unshown
        case refused
        /// A status value that must not replace the one over there.
        case `guard`
        /// Somebody over there set it: it is not ours to revoke.
        case notOurs = "not ours"
        case takenOff = "taken off"
    }

    /// The numbers of the local changes that `ours` includes, one for each attribute that the field shows.
    package var upTo: ByAttribute<Int64>
    package var ours: KnownValue
    package var theirs: KnownValue
    /// What the remote was last known to hold.
    package var held: KnownValue
    /// The values of calls of unknown fate since the last acknowledgement, the latest last.
    package var doubt: [JSONValue]
    /// `theirs` was set by a call of ours.
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
    /// The date in the response to our last call: it orders, and dates nobody's change.
    package enum OwnDate: Sendable, Equatable {
        /// There was no call yet.
        case noCall
        /// The call was lost, or its response had no date.
        case undated
        case date(Instant)
    }

    /// What the remote held before its last change, until a report agrees with what is known.
    package enum Former: Sendable, Equatable {
        case none
        /// The first contact has just ended: any difference may be an old state.
        case anything
        case values([String: KnownValue])
    }

    /// A date below the floor, and how many reads in a row gave it.
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
    /// A call was acknowledged, or there was nothing to say: the first contact is over.
    package var isKnown = false
    /// The numbers of the local changes behind the doubts.
    package var doubtOf: ByAttribute<Int64>?
    /// No report that the remote dates before this is news.
    package var floor: Instant?
    package var ownDate = OwnDate.noCall
    /// The fields of our last call.
    package var carried: Set<String> = []
    package var former = Former.none
    /// A former value was reported once since, and is being read again.
    package var isSuspect = false
    package var older: Older?
    /// A read that began before this was overtaken.
    package var lastHeardAt: Instant?
    /// When the remote was last known to hold `theirs` in every field.
    package var checkedAt: Instant?
    /// The remote's date of what it holds.
    package var heldDate: Instant?
    /// When the customer last wrote, as the remote says.
    package var customerWroteAt: Instant?
    package var sendBacks: [SendBack] = []
    /// The status value that was sent back too often.
    package var hold: KnownValue?
    /// A row says so already.
    package var isHoldSaid = false
    /// The remote refused a call with these values without saying which of them: it is found out (``Refused``).
    package var probing: Fields = [:]
    /// The status alone was refused as well; what is left is sent together.
    package var probesRest = false
    /// When anything was last written over there, and how often the customer has answered, as the remote counts: a growth is the customer's.
    package var lastMessageAt: Instant?
    package var interactions: Int64?
    /// The remote holds an end that waits for somebody to look (``TwoWayRules/areEndsHeld``).
    package var hasHeldEnd = false
    /// What is known of the remote's events, where they arrive in any order (fin).
    package var events: EventOrder?
    /// The AI's assignee whom an event took off, with the number of that change: until the assignee changes again.
    package var takenOff: TakenOff?
    /// Since when everything is to be sent again (``forget(at:)``); nil as soon as the first contact is over.
    package var forgottenAt: Instant?
    /// The record comes from the columns of a former version, which did not say what the local row looked like.
    package var isMigrated = false

    package init(fields: [String: FieldRecord] = [:]) {
        self.fields = fields
    }

    package subscript(name: String) -> FieldRecord { fields[name] ?? FieldRecord() }

    /// What the remote is known to hold, as far as anything is known.
    package var heldFields: Fields { Fields(members: fields.compactMap { name, field in field.held.value.map { (name, $0) } }) }

    /// What the remote may hold: the value of the latest call of unknown fate, else what it was last known to hold.
    package func likely(_ name: String) -> JSONValue? { self[name].doubt.last ?? self[name].held.value }

    /// The remote is not known to hold anything, nor was it sent anything.
    package var isBlank: Bool { !fields.values.contains { $0.held.value != nil || !$0.doubt.isEmpty } }
}
