/// A value that a system does not accept in a member of a call, such as a deactivated user or an invalid address.
///
/// The whole call is refused and the body names the member, as systems with validation do. The same call without the member is accepted.
package struct RefusedMember: Sendable, Equatable {
    /// The member, with dots for nested objects: `user_id`, `user.email`. If the fields of a conversation are in an object of their own, the path
    /// starts there.
    package var field: String
    /// The value that is refused; nil refuses all values.
    package var value: SandboxJSON?
    /// The message in the body; nil: a sentence that names the member.
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

    /// The violations in a call's fields.
    /// - Parameter path: the path of the fields in the body; empty for the body itself.
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
