/// A JSON object: member names with their values. Order has no meaning (RFC 8259 section 4).
///
/// Names are compared by their bytes (``ExactText``): two names that differ only in normalization are two members. In a dictionary with
/// string keys one of them would replace the other.
package struct JSONObject: Hashable, Sendable {
    private var members: [ExactText: JSONValue] = [:]

    package init() {}

    package init(_ dictionary: [String: JSONValue]) {
        for (name, value) in dictionary { self[name] = value }
    }

    /// If several members have the same name, the last one counts.
    package init(members: some Sequence<(String, JSONValue)>) {
        for (name, value) in members { self[name] = value }
    }

    package subscript(name: String) -> JSONValue? {
        get { members[ExactText(name)] }
        set { members[ExactText(name)] = newValue }
    }

    package var isEmpty: Bool { members.isEmpty }
    package var count: Int { members.count }
    package var keys: [String] { members.keys.map(\.text) }
    package var values: some Collection<JSONValue> { members.values }

    /// The members in the order of their names' bytes.
    package var sorted: [(key: String, value: JSONValue)] {
        members.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value) }
    }

    /// The first members in the order of their names' bytes. One pass, whatever the number of members: an object from outside is not sorted
    /// as a whole for the sake of its beginning.
    package func firstMembers(_ limit: Int) -> [(key: String, value: JSONValue)] {
        guard members.count > limit else { return sorted }
        var first: [(key: ExactText, value: JSONValue)] = []
        for member in members {
            if first.count == limit, let last = first.last, !(member.key < last.key) { continue }
            let place = first.firstIndex { member.key < $0.key } ?? first.endIndex
            first.insert((key: member.key, value: member.value), at: place)
            if first.count > limit { first.removeLast() }
        }
        return first.map { ($0.key.text, $0.value) }
    }

    package mutating func removeValue(forKey name: String) -> JSONValue? { members.removeValue(forKey: ExactText(name)) }

    package func filter(_ isIncluded: (Element) throws -> Bool) rethrows -> JSONObject {
        var object = JSONObject()
        object.members = try members.filter { try isIncluded(($0.key.text, $0.value)) }
        return object
    }

    package func mapValues(_ transform: (JSONValue) throws -> JSONValue) rethrows -> JSONObject {
        var object = JSONObject()
        object.members = try members.mapValues(transform)
        return object
    }

    package func compactMapValues(_ transform: (JSONValue) throws -> JSONValue?) rethrows -> JSONObject {
        var object = JSONObject()
        object.members = try members.compactMapValues(transform)
        return object
    }

    package mutating func merge(_ other: JSONObject, uniquingKeysWith combine: (JSONValue, JSONValue) throws -> JSONValue) rethrows {
        try members.merge(other.members, uniquingKeysWith: combine)
    }

    package func merging(_ other: JSONObject, uniquingKeysWith combine: (JSONValue, JSONValue) throws -> JSONValue) rethrows -> JSONObject {
        var object = JSONObject()
        object.members = try members.merging(other.members, uniquingKeysWith: combine)
        return object
    }
}

extension JSONObject: Sequence {
    package typealias Element = (key: String, value: JSONValue)

    package struct Iterator: IteratorProtocol {
        fileprivate var members: [ExactText: JSONValue].Iterator

        package mutating func next() -> Element? { members.next().map { ($0.key.text, $0.value) } }
    }

    package func makeIterator() -> Iterator { Iterator(members: members.makeIterator()) }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(members: elements)
    }
}
