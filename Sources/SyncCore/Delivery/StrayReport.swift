/// A response that is about another object than the one that was asked for: nothing in it is believed.
package struct StrayReport: Equatable, Sendable {
    package var asked: String
    /// The id that the response names, for people: bounded, on one line.
    package var answered: String

    package init(asked: String, answered: String) {
        self.asked = asked
        self.answered = answered
    }

    package var text: String { "the response is about \"\(answered)\", not about \"\(asked)\"" }
}
