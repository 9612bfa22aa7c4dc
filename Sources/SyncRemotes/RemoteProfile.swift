import SyncCore

/// What the configuration says about one remote, as far as projecting, calling and reading answers depend on it.
package struct RemoteProfile: Equatable, Sendable {
    package var name: String
    package var kind: RemoteKind
    package var statusMap: StatusMap
    package var inboundMap: InboundMap
    /// What of the remote's own changes is taken over.
    package var adoption: AdoptionPolicy
    /// vg: remote field → local value. Ignored elsewhere.
    package var fieldMap: [String: LocalSource]
    /// vg: the agent of links that name none.
    package var agentID: String?
    /// fin: the value of the header `Intercom-Version`.
    package var apiVersion: String?
    /// Path templates by operation.
    package var paths: [String: String]
    /// fin: which user attributes are sent; nil for all.
    package var userAttributes: [String]?
    /// Agent ids that mean "the AI answers".
    package var aiAssignees: Set<String>
    /// The one of them that a conversation gets when a remote says that the AI answers.
    package var aiAssignee: String?
    /// Who a conversation is assigned to when a remote says that a person answers and `assignees` does not say which.
    package var unknownAssignee: String

    package init(
        name: String, kind: RemoteKind, statusMap: StatusMap? = nil, inboundMap: InboundMap? = nil, adoption: AdoptionPolicy = .init(),
        fieldMap: [String: LocalSource]? = nil, agentID: String? = nil, apiVersion: String? = nil, paths: [String: String] = [:],
        userAttributes: [String]? = nil, aiAssignees: Set<String> = [], aiAssignee: String? = nil,
        unknownAssignee: String = RemoteProfile.standardUnknownAssignee
    ) {
        self.name = name
        self.kind = kind
        self.statusMap = statusMap ?? .standard(for: kind)
        self.inboundMap = inboundMap ?? .standard(for: kind)
        self.adoption = adoption
        self.fieldMap = fieldMap ?? (kind == .vg ? VGFields.standardMap : [:])
        self.agentID = agentID
        self.apiVersion = apiVersion
        self.paths = RemoteProfile.standardPaths(for: kind).merging(paths) { _, configured in configured }
        self.userAttributes = userAttributes
        self.aiAssignees = aiAssignees
        self.aiAssignee = aiAssignee ?? aiAssignees.min()
        self.unknownAssignee = unknownAssignee
    }

    package static let standardUnknownAssignee = "agent_unknown"

    package var lens: StatusLens { StatusLens(outbound: statusMap, inbound: inboundMap) }

    /// The paths of the API documents by operation: the one that writes, and those that read.
    package static func standardPaths(for kind: RemoteKind) -> [String: String] {
        switch kind {
        case .helpdesk: ["update_conversation": "/update_conversation", "get_conversation": "/get_conversation"]
        case .fin: ["reply": "/fin/reply"]
        case .voicebot:
            [
                "update_conversation": "/conversations/{id}", "list_conversations": "/conversations",
                "get_conversation": "/conversations/{id}",
            ]
        case .vg:
            [
                "update_convo": "/agents/{agentId}/convos/{convoId}", "list_convos": "/agents/{agentId}/convos",
                "get_convo": "/agents/{agentId}/convos/{convoId}",
            ]
        }
    }

    func path(_ operation: String, _ values: [String: String] = [:]) -> String {
        var path = paths[operation] ?? "/"
        for (name, value) in values {
            path = path.replacing("{\(name)}", with: PercentEncoding.segment(value))
        }
        return path
    }

    /// Everything that a projection depends on in the configuration, as one text: when it changes, every conversation of the remote
    /// has to be looked at again.
    package var fingerprint: String {
        var parts = ["kind=\(kind.rawValue)", "agent=\(agentID ?? "")", "ai=\(aiAssignees.sorted())"]
        parts += LocalState.all.map { "\($0.status.rawValue).\($0.owner.rawValue)=\(statusMap[$0].text)" }
        parts += statusMap.neverOver.map { "\($0.key)!\($0.value.sorted())" }.sorted()
        let mapsPeople = fieldMap["chatAssignedTo"]?.isAssignee == true
        // Local ids went out until there was a map for them: what was said with one has to be said anew.
        parts += fieldMap.map { "\($0.key)<-\($0.value.text)" }.sorted() + (mapsPeople ? ["people=assignees"] : [])
        parts += inboundMap.cells.map { "\($0.key)=>\($0.value)" }.sorted()
        parts.append("adopt=\(adoption.fields.map(\.rawValue).sorted())")
        parts.append("\(kind.writingOperation)@\(paths[kind.writingOperation] ?? "")")
        return parts.joined(separator: ";")
    }
}

/// Percent-encoding of one path segment (RFC 3986 section 2.1): everything but unreserved characters.
enum PercentEncoding {
    static func segment(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
        // A segment that is only dots would be taken for a directory step (RFC 3986 section 5.2.4).
        return encoded == "." || encoded == ".." ? encoded.replacing(".", with: "%2E") : encoded
    }
}
