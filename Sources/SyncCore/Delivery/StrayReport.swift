/// A response about another object than the requested one: nothing in it is used.
package struct StrayReport: Equatable, Sendable {
    package var asked: String
    /// The id in the response, for people: bounded, on one line.
    package var answered: String

    package init(asked: String, answered: String) {
        self.asked = asked
        self.answered = answered
    }

    package var text: String { "the response is about \"\(answered)\", not about \"\(asked)\"" }
}
