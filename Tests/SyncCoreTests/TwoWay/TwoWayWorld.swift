@testable import SyncCore

/// One conversation with its remotes, simulated: the local row, what is known of each link, and the objects at the remotes.
///
/// The decisions are the program's (``LinkRecord``, ``TwoWayDecision``); the world makes the reads and calls, with any outcome. Each event
/// takes a second. An event that is impossible (a change that changes nothing, a call without anything due) leaves the world as it is
/// and returns false.
struct TwoWayWorld: Sendable {
    struct Remote: Sendable {
        let kind: TwoWayKind
        var rules: TwoWayRules
        var link = LinkRecord()
        /// The object at the remote.
        var object: Fields
        var date: Instant?
        var changedAt = Instant(milliseconds: 0)
        /// The object before its last change: what a read that lags shows.
        var former: (object: Fields, date: Instant?)?
        /// Read since its last change: without dates a second outdated view would look like a change.
        var isRead = false

        init(_ kind: TwoWayKind, _ policy: AdoptionPolicy = TwoWayKind.policy) {
            self.kind = kind
            rules = kind.rules(policy)
            object = JSONObject(members: kind.fields.map { ($0.name, .null) })
            date = kind.isDated ? Instant(milliseconds: 0) : nil
        }

        /// The part of an object that reads show.
        func visible(_ object: Fields) -> Fields {
            object.filter { name, _ in rules.fields.contains { $0.name == name && $0.role.isReadable } }
        }
    }

    enum Fate: String, CaseIterable, Sendable {
        case acknowledged
        /// Accepted, with a response that shows nothing.
        case empty
        /// The local status changes while the call is under way.
        case overlapped
        /// Applied, but the response is lost.
        case lost
        case neverArrived = "never arrived"
    }

    var local: LocalRow
    var remotes: [Remote]
    var now = TwoWayWorld.second(10)
    /// The form in which remotes store a title.
    var storedForm: @Sendable (String) -> String = { $0 }
    /// Remotes round their dates down to multiples of this.
    var tick: Int64 = 1
    var calls: [(remote: Int, sent: Fields)] = []
    /// The last change of each attribute, and what became of it.
    var acts: [LocalAttribute: TwoWayAct] = [:]
    var problem: String?

    static func second(_ number: Int64) -> Instant { Instant(milliseconds: number * 1000) }

    /// The row has not been sent yet.
    init(_ remotes: [Remote], _ values: LocalValues) {
        self.remotes = remotes
        local = LocalRow(values, changedAt: .init(repeating: TwoWayWorld.second(0)), numbers: .init(repeating: 0))
    }

    // MARK: Changes by people

    /// Somebody here changes the row.
    @discardableResult mutating func act(_ attribute: LocalAttribute, _ value: String?) -> Bool {
        guard !local.values[attribute].hasSameBytes(as: value) else { return false }
        pass()
        var values = local.values
        values[attribute] = value
        local = local.having(values, at: now)
        acts[attribute] = .here(value)
        return true
    }

    mutating func customerWrites() {
        pass()
        local.customerWroteAt = now
    }

    /// Somebody changes the object at the remote.
    @discardableResult mutating func act(at index: Int, _ values: Fields) -> Bool {
        let changed = values.filter { remotes[index].object[$0.key] != $0.value }
        guard !changed.isEmpty else { return false }
        pass()
        let known = remotes[index].link
        change(index, changed)
        noteAct(at: index, changed, known)
        return true
    }

    mutating func pass() { now = now + .seconds(1) }

    mutating func change(_ index: Int, _ values: Fields) {
        let old = remotes[index]
        remotes[index].object.merge(values) { $1 }
        remotes[index].date = date(index)
        remotes[index].former = (old.object, old.date)
        remotes[index].isRead = false
        remotes[index].changedAt = now
    }

    func date(_ index: Int) -> Instant? {
        remotes[index].kind.isDated ? TwoWayWorld.second(now.milliseconds / 1000 / tick * tick) : nil
    }

    // MARK: Reads

    @discardableResult mutating func read(_ index: Int) -> Bool {
        pass()
        hear(index, remotes[index].object, remotes[index].date, isFresh: true)
        return true
    }

    /// A read that shows the object as it was before its last change.
    @discardableResult mutating func readLagging(_ index: Int) -> Bool {
        let remote = remotes[index]
        let began = now + .seconds(1)
        guard let (object, date) = remote.former, began - remote.changedAt < remote.rules.lag else { return false }
        let isBehind = date.map { date in remote.link.floor.map { date < $0 } ?? false } ?? false
        if !isBehind {
            // An outdated view that cannot be distinguished from a change would be adopted as one.
            let isAhead = date.map { date in remote.link.floor.map { date > $0 } ?? true } ?? false
            guard !remote.isRead, !remote.link.isSuspect, !(isAhead && remote.link.ownDate != .undated), isKnownView(remote, object)
            else { return false }
        }
        pass()
        hear(index, object, date, isFresh: false)
        return true
    }

    private func isKnownView(_ remote: Remote, _ object: Fields) -> Bool {
        let shown = Dictionary(uniqueKeysWithValues: remote.visible(object).map { ($0.key, KnownValue.value($0.value)) })
        let held = Dictionary(uniqueKeysWithValues: shown.keys.map { ($0, remote.link[$0].held) })
        return remote.link.former == .values(shown) || held == shown
    }

    private mutating func hear(_ index: Int, _ object: Fields, _ date: Instant?, isFresh: Bool) {
        let before = self
        remotes[index].isRead = true
        let report = FieldReport(values: remotes[index].visible(object), date: date, began: now)
        let reception = remotes[index].link.take(report, remotes[index].rules, now: now)
        let isBelieved = reception == .believed
        if isFresh, isBelieved { noteSeen(index, before.remotes[index].link) }
        _ = decide(index, isConfirmed: isBelieved)
        if isFresh { noteIdle(index, since: before) }
        if !isFresh { check(reception, index, since: before) }
    }

    /// An outdated view changes neither the row nor what the record says is included.
    private mutating func check(_ reception: LinkRecord.Reception, _ index: Int, since before: TwoWayWorld) {
        let name = remotes[index].kind.name
        if local != before.local { problem = "a stale report of \(name) changed the local row" }
        let isOld = reception == .stale || reception == .overtaken || reception == .readAgain
        if isOld,
            remotes[index].rules.fields.contains(where: { remotes[index].link[$0.name].upTo != before.remotes[index].link[$0.name].upTo })
        {
            problem = "a stale report of \(name) moved what is said to be included"
        }
    }

    // MARK: Calls

    /// Makes the call that is due, if any.
    @discardableResult mutating func deliver(_ index: Int, _ fate: Fate = .acknowledged) -> Bool {
        var next = self
        next.pass()
        let due = next.decide(index)
        guard !due.isEmpty else { return false }
        next.call(index, due, fate)
        self = next
        return true
    }

    private mutating func call(_ index: Int, _ due: Fields, _ fate: Fate) {
        let madeFrom = local
        guard fate != .neverArrived else {
            noteMistakable(index, due)
            return remotes[index].link.lost(due, of: madeFrom.numbers)
        }
        noteOverwritten(index, due)
        change(index, stored(due, index))
        calls.append((index, due))
        guard fate != .lost else { return remotes[index].link.lost(due, of: madeFrom.numbers) }
        let began = now
        let date = fate == .empty ? nil : date(index)
        if fate == .overlapped { act(.status, madeFrom.values.status.isFinished ? "open" : "closed") }
        let shown = fate == .empty ? [:] : remotes[index].visible(remotes[index].object)
        _ = remotes[index].link.acknowledged(
            .init(sent: due, shown: .init(values: shown, date: date, began: began)), of: madeFrom.numbers, remotes[index].rules, now: now)
        _ = decide(index)
    }

    private func stored(_ fields: Fields, _ index: Int) -> Fields {
        guard let name = remotes[index].rules.name(of: .title), let title = fields[name]?.stringValue else { return fields }
        var fields = fields
        fields[name] = .string(storedForm(title))
        return fields
    }

    /// A call of which the remote refuses one member.
    @discardableResult mutating func deliver(_ index: Int, refusing name: String) -> Bool {
        var next = self
        next.pass()
        let due = next.decide(index)
        guard let value = due[name], value != .null else { return false }
        next.remotes[index].link.refuse([name], of: due)
        self = next
        return true
    }

    /// One decision about a link. What has to be sent is returned.
    mutating func decide(_ index: Int, isConfirmed: Bool = false) -> Fields {
        let decision = TwoWayDecision(remotes[index].link, local, remotes[index].rules, now: now, isConfirmed: isConfirmed)
        remotes[index].link = decision.link
        local = decision.local
        note(decision.findings, of: index)
        return decision.send
    }

    /// What would be sent now.
    func due(_ index: Int) -> Fields {
        TwoWayDecision(remotes[index].link, local, remotes[index].rules, now: now).send
    }
}

extension LocalValues {
    subscript(attribute: LocalAttribute) -> String? {
        get {
            switch attribute {
            case .status: status.rawValue
            case .assignee: assigneeID
            case .title: title
            }
        }
        set {
            switch attribute {
            case .status: status = newValue.flatMap(LocalStatus.init(rawValue:)) ?? .open
            case .assignee: assigneeID = newValue
            case .title: title = newValue
            }
        }
    }
}
