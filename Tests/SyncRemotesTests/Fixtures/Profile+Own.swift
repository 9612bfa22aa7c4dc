import SyncCore

extension Profile {
    /// - Parameter agentID: for links without an agent, where the kind has agents.
    init(
        name: String, kind: Kind, statusMap: StatusMap? = nil, own: OwnValues = [:], agentID: String, aiAssignees: Set<String> = []
    ) {
        self.init(name: name, kind: kind, statusMap: statusMap, own: own, aiAssignees: aiAssignees)
        self.own["agent_id"] = .text(agentID)
    }

    /// Maps a local value to a field of the remote, where the kind has such a table.
    mutating func map(_ field: String, to source: String) {
        var fields = own.table("fields")
        fields[field] = source
        own["fields"] = .table(fields)
    }

    var adapter: any Adapter { kind.adapter(self) }
}
