import SyncCore

/// The titles of a simulation. Those of the application have numbers, which tell what was written later; all have something in them that a remote
/// may store in another form.
enum Titles {
    static func ofApplication(_ number: Int, _ rest: String = "") -> String { "\(number) & counting\(rest)" }

    static func ofPeople(_ number: Int, _ rest: String = "") -> String { "people & \(number)\(rest)" }

    /// Nil for a title that people chose.
    static func number(of title: String) -> Int? {
        Int(String(String.UnicodeScalarView(title.unicodeScalars.prefix { ("0"..."9").contains($0) })))
    }

    /// The number of the title that a call carries.
    static func number(in call: SimulatedCall) throws -> Int? {
        guard case .deliver(let row) = call.purpose, row.delta != nil else { return nil }
        let body = try JSONValue(text: row.body)
        return (body["conversation"] ?? body)["title"]?.stringValue.flatMap(number)
    }
}

/// The messages of a simulation: an id, and text after a bar.
enum Messages {
    static func body(_ id: String, _ rest: String) -> String { "\(id)|\(rest)" }

    static func id(of body: String) -> String {
        String(body.unicodeScalars.prefix { $0 != "|" }.map(Character.init))
    }
}
