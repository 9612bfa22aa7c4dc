import SyncCore
import Testing

/// Which local changes one call carries.
@Suite struct CarriedChangeTests {
    private func link(_ id: Int64, _ delta: JSONObject) -> CarriedChange.Link {
        .init(outboxID: id, plannedAt: "t\(id)", delta: delta)
    }

    @Test func `a row that replaced nothing carries its own changes`() {
        let steps = CarriedChange.steps(of: [link(1, ["title": ["from": "a", "to": "b"], "tags": ["to": ["x"]]])])
        #expect(
            steps == [
                .init(field: "tags", from: nil, to: ["x"], since: "t1", outboxID: 1),
                .init(field: "title", from: "a", to: "b", since: "t1", outboxID: 1),
            ])
    }

    @Test func `every step is listed with its time, including one that was reverted`() {
        let steps = CarriedChange.steps(of: [
            link(1, ["title": ["from": "a", "to": "b"]]),
            link(2, ["title": ["from": "a", "to": "b"], "status": ["from": "open", "to": "closed"]]),
            link(3, ["title": ["from": "a", "to": "c"]]),
        ])
        #expect(
            steps == [
                .init(field: "title", from: "a", to: "b", since: "t1", outboxID: 1),
                .init(field: "status", from: "open", to: "closed", since: "t2", outboxID: 2),
                .init(field: "status", from: "closed", to: "open", since: "t3", outboxID: 3),
                .init(field: "title", from: "b", to: "c", since: "t3", outboxID: 3),
            ])
    }

    @Test func `a chain without deltas has no steps`() {
        #expect(CarriedChange.steps(of: []).isEmpty)
        #expect(CarriedChange.steps(of: [link(1, [:])]).isEmpty)
    }
}
