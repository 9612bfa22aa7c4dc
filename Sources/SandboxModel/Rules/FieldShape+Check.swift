extension FieldShape {
    /// The most violations that are listed, because a body can contain a hundred thousand unknown fields.
    static let maximumViolations = 20

    /// All violations of `value` as the field at `path` (empty for the body itself), in the order of the field names.
    func violations(of value: SandboxJSON, at path: String = "") -> [Violation] {
        var found: [Violation] = []
        check(value, at: path, into: &found)
        return found
    }

    private func check(_ value: SandboxJSON, at path: String, into found: inout [Violation]) {
        guard found.count < Self.maximumViolations else { return }
        switch (self, value) {
        case (.nullable, .null), (.string, .string), (.integer, .integer), (.number, .integer), (.number, .number),
            (.boolean, .boolean), (.anyList, .array), (.anyObject, .object):
            break
        case (.nullable(let shape), _):
            shape.checkPresent(value, at: path, expectation: expectation, into: &found)
        case (.record(let fields, let required), .object(let members)):
            Self.check(members, fields: fields, required: required, at: path, into: &found)
        case (.list(let shape), .array(let elements)):
            for (position, element) in elements.enumerated() {
                shape.check(element, at: "\(path)[\(position)]", into: &found)
            }
        case (.instant, .string(let text)):
            if !SandboxInstant.isISO8601(text) { found.append(notAllowed(at: path)) }
        case (.oneOf(let texts), .string(let text)):
            if !texts.contains(text) { found.append(notAllowed(at: path)) }
        case (.anything, _) where !value.isNull:
            break
        default:
            found.append(Self.wrongType(value, at: path, expectation: expectation))
        }
    }

    /// Checks the inner shape of a nullable one, but reports the nullable expectation if the type is wrong.
    private func checkPresent(_ value: SandboxJSON, at path: String, expectation: String, into found: inout [Violation]) {
        let before = found.count
        check(value, at: path, into: &found)
        if found.count == before + 1, found[before].code == .wrongType, found[before].field == path {
            found[before] = Self.wrongType(value, at: path, expectation: expectation)
        }
    }

    private static func check(
        _ members: [String: SandboxJSON],
        fields: [String: FieldShape],
        required: [String],
        at path: String,
        into found: inout [Violation]
    ) {
        for name in required where members[name] == nil {
            let field = join(path, name)
            found.append(Violation(field: field, code: .missing, message: "\(field) is required"))
        }
        // Sorted by name, so that the same violations are listed each time if there are too many.
        for name in members.keys.sorted() {
            guard found.count < maximumViolations else { break }
            guard let value = members[name] else { continue }
            let field = join(path, name)
            if let shape = fields[name] {
                shape.check(value, at: field, into: &found)
            } else {
                found.append(Violation(field: field, code: .unknownField, message: "\(field) is not a documented field"))
            }
        }
        if found.count > 1 { found.sort { $0.field < $1.field } }
    }

    private static func join(_ path: String, _ name: String) -> String {
        path.isEmpty ? name : "\(path).\(name)"
    }

    private func notAllowed(at path: String) -> Violation {
        Violation(field: path, code: .notAllowed, message: "\(path) must be \(expectation)")
    }

    private static func wrongType(_ value: SandboxJSON, at path: String, expectation: String) -> Violation {
        let name = path.isEmpty ? "the body" : path
        return Violation(field: path, code: .wrongType, message: "\(name) must be \(expectation), not \(value.typeName)")
    }
}
