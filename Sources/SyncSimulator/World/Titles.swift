import SyncCore

/// The titles of a simulation. Those of the application have numbers, which tell what was written later; all have something in them that a remote
/// may store in another form.
enum Titles {
    static func ofApplication(_ number: Int) -> String { "\(number) & counting" }

    static func ofPeople(_ number: Int) -> String { "people & \(number)" }

    /// Nil for a title that people chose.
    static func number(of title: String) -> Int? { Int(title.prefix { $0.isNumber }) }

    /// The number of the title that a call carries.
    static func number(in call: SimulatedCall) throws -> Int? {
        guard case .deliver(let row) = call.purpose, row.delta != nil else { return nil }
        let body = try JSONValue(text: row.body)
        return (body["conversation"] ?? body)["title"]?.stringValue.flatMap(number)
    }
}
