/// One local change that a call carries: either the one it was planned for, or one of a row that it replaced before that was delivered.
package struct CarriedChange: Equatable, Sendable {
    package var field: String
    /// Nil where the remote had never been told.
    package var from: JSONValue?
    package var to: JSONValue
    /// When the change was planned.
    package var since: String
    /// The row that was planned for it.
    package var outboxID: Int64

    /// A row of the chain that ends with the call: what it was to change against what the remote had acknowledged.
    package struct Link: Equatable, Sendable {
        package var outboxID: Int64
        package var plannedAt: String
        /// `outbox.delta`: `{"field": {"from": …, "to": …}}`.
        package var delta: JSONObject

        package init(outboxID: Int64, plannedAt: String, delta: JSONObject) {
            self.outboxID = outboxID
            self.plannedAt = plannedAt
            self.delta = delta
        }
    }

    package init(field: String, from: JSONValue?, to: JSONValue, since: String, outboxID: Int64) {
        self.field = field
        self.from = from
        self.to = to
        self.since = since
        self.outboxID = outboxID
    }

    /// The steps by which the local values came to what the last row of the chain says, oldest first.
    ///
    /// Every row says its whole difference to the base; a step is what differs from the row before it. A field that a later row does
    /// not carry any more went back to the base.
    package static func steps(of chain: [Link]) -> [CarriedChange] {
        var steps: [CarriedChange] = []
        // Per field what the row before wanted, and the base under it.
        var wanted: [String: (value: JSONValue, base: JSONValue?)] = [:]
        for link in chain {
            for (field, before) in wanted.sorted(by: { $0.key < $1.key }) where link.delta[field] == nil {
                wanted[field] = nil
                guard let base = before.base else { continue }
                steps.append(
                    CarriedChange(field: field, from: before.value, to: base, since: link.plannedAt, outboxID: link.outboxID))
            }
            for (field, change) in link.delta.sorted {
                guard let value = change["to"] else { continue }
                if wanted[field]?.value != value {
                    steps.append(
                        CarriedChange(
                            field: field, from: wanted[field]?.value ?? change["from"], to: value, since: link.plannedAt,
                            outboxID: link.outboxID))
                }
                wanted[field] = (value, change["from"])
            }
        }
        return steps
    }
}
