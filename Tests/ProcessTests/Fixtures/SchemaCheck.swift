import Sandbox

/// Checks JSON against a schema, as far as docs/log-events.schema.json uses the language (JSON Schema 2020-12): `type`, `const`, `enum`,
/// `required`, `properties`, `additionalProperties: false`, `oneOf`, and `pattern` for timestamps. Any other keyword is a mistake in
/// the schema: it would be ignored unnoticed.
struct SchemaCheck: Sendable {
    private static let knownWords: Set<String> = [
        "$schema", "title", "description", "type", "const", "enum", "required", "properties", "additionalProperties", "oneOf", "pattern",
    ]
    /// The only supported pattern: a timestamp in the form of the log.
    private static let momentPattern = #"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"#

    let schema: SandboxJSON

    /// The violations; empty when there are none.
    func problems(_ value: SandboxJSON) -> [String] { Self.problems(value, schema, at: "line") }

    private static func problems(_ value: SandboxJSON, _ schema: SandboxJSON, at path: String) -> [String] {
        if schema.boolean == true { return [] }
        guard let words = schema.object else { return ["\(path): the schema is not an object"] }
        var found = words.keys.filter { !knownWords.contains($0) }.map { "\(path): the schema uses \($0)" }
        if let type = words["type"]?.string, !matches(value, type) { found.append("\(path): is no \(type): \(value.text)") }
        if let only = words["const"], only != value { found.append("\(path): is \(value.text), not \(only.text)") }
        if let allowed = words["enum"]?.array, !allowed.contains(value) { found.append("\(path): \(value.text) is none of the words") }
        if let pattern = words["pattern"]?.string {
            if pattern != momentPattern { found.append("\(path): the schema has a pattern that is not understood") }
            if !isMoment(value.string ?? "") { found.append("\(path): is not a timestamp: \(value.text)") }
        }
        if let members = value.object { found += memberProblems(members, words, at: path) }
        if let choices = words["oneOf"]?.array { found += choiceProblems(value, choices, at: path) }
        return found
    }

    private static func memberProblems(_ members: [String: SandboxJSON], _ words: [String: SandboxJSON], at path: String) -> [String] {
        var found: [String] = []
        for name in words["required"]?.strings ?? [] where members[name] == nil { found.append("\(path): \(name) is missing") }
        let properties = words["properties"]?.object ?? [:]
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            if let schema = properties[name] {
                found += problems(member, schema, at: "\(path).\(name)")
            } else if words["additionalProperties"]?.boolean == false {
                found.append("\(path): \(name) is not in the schema")
            }
        }
        return found
    }

    /// Exactly one has to match. Where none does, the one for this event gives the reason.
    private static func choiceProblems(_ value: SandboxJSON, _ choices: [SandboxJSON], at path: String) -> [String] {
        let results = choices.map { problems(value, $0, at: path) }
        let holding = results.filter(\.isEmpty).count
        if holding == 1 { return [] }
        if holding > 1 { return ["\(path): \(holding) of the choices hold"] }
        let own = zip(choices, results).first { $0.0["title"] == value["event"] }?.1
        return own ?? ["\(path): the event \(value["event"]?.text ?? "") is not in the schema"]
    }

    private static func matches(_ value: SandboxJSON, _ type: String) -> Bool {
        switch type {
        case "string": value.string != nil
        case "integer": value.integer != nil
        case "boolean": value.boolean != nil
        case "object": value.object != nil
        default: false
        }
    }

    private static func isMoment(_ text: String) -> Bool {
        let form = Array("0000-00-00T00:00:00.000Z".utf8)
        let bytes = Array(text.utf8)
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        return bytes.count == form.count
            && zip(bytes, form).allSatisfy { byte, wanted in wanted == UInt8(ascii: "0") ? digits.contains(byte) : byte == wanted }
    }
}
