import SyncCore

/// The configured values that only this kind of remote has.
struct VGSettings: Equatable {
    /// The agent of links that name none.
    var agentID: String?
    /// Remote field → local value.
    var fieldMap: [String: LocalSource]

    /// The fields that are sent by default. `state` comes from the status map.
    private static let standardFields = ["title": "title", "tags": "tags", "userEmail": "user.email", "userName": "user.name"]

    init(_ own: OwnValues) {
        agentID = own.text("agent_id")
        // A text that is not a local value, such as "none", removes a field.
        fieldMap = own.table("fields").compactMapValues(LocalSource.init)
    }

    static let keys = [
        ConfigurationKey(
            "agent_id", .text, example: .text("agent-1"), "The agent of links that name none. (No default.)",
            starter: StarterLine("your-agent", comment: "the agent of links that name none.", isPlaceholder: true), fills: "agentId"),
        ConfigurationKey(
            "fields", .table(problem: problem), standard: .table(standardFields),
            "Remote field = local value, or \"none\". Local values: \(LocalSource.notation).",
            elsewhere: "its fields are fixed by its document"),
    ]

    @Sendable private static func problem(_ field: String, _ text: String, _ remote: String) -> String? {
        if field == "state" { return "the state comes from the status map; see \(remote).status" }
        if VGFields.documented[field] == nil {
            return "vg's document knows no such field\(Spelling.hint(field, among: VGFields.documented.keys.sorted()))"
        }
        guard text != "none", LocalSource(text) == nil else { return nil }
        return "\"\(text)\" is not a local value; allowed: \(LocalSource.notation), none"
    }
}
