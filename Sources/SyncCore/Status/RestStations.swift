/// The states that occur in simulations of ``RestSearch``, as numbers: local rows, and *stations*. A station is the record of one link
/// together with the object at the remote.
final class RestStations {
    struct Station {
        var remote: Int
        var link: LinkRecord
        /// The object as the remote shows it.
        var object: Fields

        var word: String { object[RestWorld.statusField]?.stringValue ?? "" }
        /// Nil if the remote does not show the assignee.
        var user: JSONValue? { object[RestWorld.userField] }
        var hasNews: Bool { object.contains { name, value in link[name].held != .value(value) } }
    }

    private struct RowKey: Hashable {
        var status: LocalStatus
        var assignee: String?
        var statusNumber: Int64
        var assigneeNumber: Int64
    }

    private struct StartKey: Hashable {
        var remote: Int
        var image: Fields
        var object: Fields
    }

    private struct ChangeKey: Hashable {
        var station: Int
        var word: String
        var user: JSONValue?
    }

    private var stations: [Station] = []
    private var rows: [LocalRow] = []
    private var rowNumbers: [RowKey: Int] = [:]
    private var starts: [StartKey: Int] = [:]
    private var changes: [ChangeKey: Int] = [:]
    static let before = Instant(milliseconds: 0)
    static let now = Instant(milliseconds: 1)

    subscript(station: Int) -> Station { stations[station] }

    func number(_ station: Station) -> Int {
        stations.append(station)
        return stations.count - 1
    }

    // MARK: Rows

    func row(_ number: Int) -> LocalRow { rows[number] }

    func row(at values: LocalValues) -> Int {
        number(LocalRow(values, changedAt: .init(repeating: RestStations.before), numbers: .init(repeating: 0)))
    }

    /// The row after a local change.
    func row(_ row: Int, changedTo values: LocalValues) -> Int { number(rows[row].having(values, at: RestStations.now)) }

    func number(_ row: LocalRow) -> Int {
        let key = RowKey(
            status: row.values.status, assignee: row.values.assigneeID, statusNumber: row.numbers.status,
            assigneeNumber: row.numbers.assignee)
        if let number = rowNumbers[key] { return number }
        rows.append(row)
        rowNumbers[key] = rows.count - 1
        return rows.count - 1
    }

    // MARK: Objects

    /// A remote that agrees with a local row, because it was sent the row, or because its own status value fits.
    func start(_ remote: Int, _ lens: any Adapter, _ rules: TwoWayRules, at row: Int) -> Int {
        let local = rows[row]
        let image = rules.image(local.values)
        let word = image[RestWorld.statusField] ?? .string(fittingWord(lens, LocalState(local.values)))
        let object = image.merging([RestWorld.statusField: word]) { $1 }
        let key = StartKey(remote: remote, image: image, object: object)
        if let station = starts[key] { return station }
        var link = LinkRecord()
        let sent = image.filter { name, _ in rules.fields.contains { $0.name == name && $0.isWritable } }
        let now = RestStations.now
        _ = link.acknowledged(.init(sent: sent, shown: .init(values: object, began: now)), of: local.numbers, rules, now: now)
        _ = link.take(.init(values: object, began: now), rules, now: now)
        link = TwoWayDecision(link, local, rules, now: now, isConfirmed: true).link
        let station = number(Station(remote: remote, link: link, object: object))
        starts[key] = station
        return station
    }

    private func fittingWord(_ remote: any Adapter, _ state: LocalState) -> String {
        let words = remote.profile.inboundMap.cells.keys.sorted()
        return words.first { remote.profile.lens.put($0, onto: state) == state } ?? words.first ?? ""
    }

    /// The object after a change at the remote.
    func station(_ station: Int, changedTo word: String, user: JSONValue?) -> Int {
        let key = ChangeKey(station: station, word: word, user: user)
        if let changed = changes[key] { return changed }
        var changed = stations[station]
        changed.object[RestWorld.statusField] = .string(word)
        changed.object[RestWorld.userField] = user
        let number = number(changed)
        changes[key] = number
        return number
    }
}
