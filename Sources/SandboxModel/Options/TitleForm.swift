/// How a system changes a title before it stores it. Systems truncate, escape or capitalise titles, and show the result from then on.
package struct TitleForm: Sendable, Equatable {
    /// Longer titles are truncated to this many characters.
    package var length: Int?
    /// `&` becomes `&amp;`.
    package var escapesAmpersands = false
    package var capitalises = false

    package init(length: Int? = nil, escapesAmpersands: Bool = false, capitalises: Bool = false) {
        self.length = length
        self.escapesAmpersands = escapesAmpersands
        self.capitalises = capitalises
    }

    /// Not idempotent, as such systems are not: a stored `&amp;` that is sent back becomes `&amp;amp;`.
    package func stored(_ title: String) -> String {
        var title = length.map { String(title.prefix($0)) } ?? title
        if escapesAmpersands { title = Self.escaped(title) }
        return capitalises ? title.uppercased() : title
    }

    private static func escaped(_ title: String) -> String {
        title.split(separator: "&", omittingEmptySubsequences: false).joined(separator: "&amp;")
    }

    /// The members of a call, with the title as it will be stored.
    func stored(_ fields: [String: SandboxJSON]) -> [String: SandboxJSON] {
        guard let title = fields["title"]?.string else { return fields }
        return fields.merging(["title": .string(stored(title))]) { _, stored in stored }
    }
}

extension TitleForm: OptionValue {
    package static var shape: FieldShape {
        .record(["length": .nullable(.integer), "escape_ampersands": .boolean, "capitalise": .boolean], required: [])
    }

    package static func read(_ option: SandboxJSON) -> TitleForm? {
        TitleForm(
            length: option["length"]?.integer,
            escapesAmpersands: option["escape_ampersands"]?.boolean ?? false,
            capitalises: option["capitalise"]?.boolean ?? false
        )
    }

    package var optionJSON: SandboxJSON {
        ["length": .optional(length), "escape_ampersands": .boolean(escapesAmpersands), "capitalise": .boolean(capitalises)]
    }
}
