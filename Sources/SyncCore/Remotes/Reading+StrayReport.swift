/// Which object a response is about.
extension Reading {
    /// Nil where the response is about the object that was asked for. Ids are compared as text, byte by byte; a body without an id is
    /// taken as being about it, and so is one of whose ids any is the one asked for.
    package func strayReport(in body: JSONValue, asked id: String) -> StrayReport? {
        let reported = reportedIDs(in: body)
        guard let first = reported.first, !reported.contains(where: { $0.hasSameBytes(as: id) }) else { return nil }
        return StrayReport(asked: id, answered: first.bounded(to: 100))
    }
}

extension DeliveryOutcome {
    /// The call counts as delivered, and nothing is taken from its response.
    package func withoutReport(_ stray: StrayReport) -> DeliveryOutcome {
        var outcome = self
        outcome.stray = stray
        outcome.observation = nil
        outcome.drift = []
        outcome.partialErrors = []
        return outcome
    }
}
