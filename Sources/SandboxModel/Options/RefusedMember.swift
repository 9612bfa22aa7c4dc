/// A value that a system does not take in one member of a call: a user who was deactivated, an address that it finds wrong.
///
/// The whole call is refused and the body names the member, as validating systems do; the same call without the member is taken.
package struct RefusedMember: Sendable, Equatable {
    /// The member, with dots inside of objects: `user_id`, `user.email`; where the fields of a
    /// conversation are in an object of their own, inside of that object.
    package var field: String
    /// The value that is refused; nil refuses every one.
    package var value: SandboxJSON?
    /// What the body says about it; nil gives a sentence that names the member.
    package var message: String?

    package init(_ field: String, value: SandboxJSON? = nil, message: String? = nil) {
        self.field = field
        self.value = value
        self.message = message
    }

    private func refuses(_ fields: SandboxJSON) -> Bool {
        var member: SandboxJSON? = fields
        for name in field.split(separator: ".") { member = member?[String(name)] }
        guard let member else { return false }
        return value == nil || value == member
    }

    /// What is wrong with a call's fields.
    /// - Parameter path: where they stand in the body; empty for the body itself.
    static func violations(of fields: SandboxJSON, by refused: [RefusedMember], at path: String = "") -> [Violation] {
        refused.filter { $0.refuses(fields) }.map { refused in
            let field = path.isEmpty ? refused.field : "\(path).\(refused.field)"
            return Violation(field: field, code: .notAllowed, message: refused.message ?? "\(field) has a value that is not accepted here")
        }
    }
}

extension RefusedMember: OptionValue {
    package static var shape: FieldShape {
        .record(["field": .string, "value": .nullable(.anything), "message": .nullable(.string)], required: ["field"])
    }

    /// `"value": null` refuses `null`; without it every value is refused.
    package static func read(_ option: SandboxJSON) -> RefusedMember? {
        (option["field"]?.string).map { RefusedMember($0, value: option["value"], message: option["message"]?.string) }
    }

    package var optionJSON: SandboxJSON {
        var members: [String: SandboxJSON] = ["field": .string(field), "message": .optional(message)]
        members["value"] = value
        return .object(members)
    }
}
