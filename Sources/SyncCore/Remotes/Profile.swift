/// The part of a remote's configuration that determines projection, calls and the reading of responses: the input of an ``Adapter``.
package struct Profile: Equatable, Sendable {
    package var name: String
    package var kind: Kind
    package var statusMap: StatusMap
    package var inboundMap: InboundMap
    /// Which of the remote's own changes are adopted.
    package var adoption: AdoptionPolicy
    /// Path templates by operation.
    package var paths: [String: String]
    /// The values of the keys that only this kind has, including defaults.
    package var own: OwnValues
    /// Assignee ids that stand for the AI.
    package var aiAssignees: Set<String>
    /// The id that a conversation gets when a remote reports that the AI handles it.
    package var aiAssignee: String?
    /// The assignee of a conversation when a remote reports that a person handles it and `assignees` does not say which.
    package var unknownAssignee: String

    package init(
        name: String, kind: Kind, statusMap: StatusMap? = nil, inboundMap: InboundMap? = nil, adoption: AdoptionPolicy = .init(),
        paths: [String: String] = [:], own: OwnValues = [:], aiAssignees: Set<String> = [], aiAssignee: String? = nil,
        unknownAssignee: String = Profile.standardUnknownAssignee
    ) {
        self.name = name
        self.kind = kind
        self.statusMap = statusMap ?? kind.vocabulary.outbound
        self.inboundMap = inboundMap ?? kind.vocabulary.inbound
        self.adoption = adoption
        self.paths = Dictionary(kind.operations.map { ($0.name, $0.path) }) { $1 }.merging(paths) { $1 }
        self.own = kind.standardValues.merging(own)
        self.aiAssignees = aiAssignees
        self.aiAssignee = aiAssignee ?? aiAssignees.min()
        self.unknownAssignee = unknownAssignee
    }

    package static let standardUnknownAssignee = "agent_unknown"

    package var lens: StatusLens { StatusLens(outbound: statusMap, inbound: inboundMap) }

    package func path(_ operation: String, _ values: [String: String] = [:]) -> String {
        var path = paths[operation] ?? "/"
        for (name, value) in values {
            path = path.replacing("{\(name)}", with: PercentEncoding.segment(value))
        }
        return path
    }
}

/// Percent-encoding of one path segment (RFC 3986 section 2.1): everything but unreserved characters.
package enum PercentEncoding {
    package static func segment(_ text: String) -> String {
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
        // A segment of only dots would be treated as a directory step (RFC 3986 section 5.2.4).
        return encoded == "." || encoded == ".." ? encoded.replacing(".", with: "%2E") : encoded
    }
}
