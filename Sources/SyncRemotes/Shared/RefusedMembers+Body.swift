import SyncCore

/// The members of a call that a remote refuses, as far as its error body names them: Laravel's `errors: {"user_id": […]}` (voicebot), the
/// members of an RFC 7807 problem (helpdesk), `field` beside a message, or the name of a member within a text.
extension RefusedMembers {
    /// Status codes that concern the content of a call (RFC 9110 sections 15.5.1 and 15.5.21).
    private static let statuses: Set<Int64> = [400, 422]
    /// Members of every call that identify the object: a remote that refuses them refuses the call.
    private static let identifying: Set<String> = ["conversation_id", "id", "convoid", "agentid"]

    /// Named members that are examined of a list.
    private static let longestList = 50
    /// In bytes. Anything longer is not the name of a member.
    private static let longestName = 1000

    /// Nil if the call is refused as such.
    /// - Parameter status: of the response; a problem within a 200 has its own.
    init?(in body: JSONValue, status: Int, of sent: Fields) {
        let problem = body["error"]?.objectValue.map(JSONValue.object) ?? body
        let status = (200...299).contains(status) ? problem["status"]?.integerValue ?? 0 : Int64(status)
        guard RefusedMembers.statuses.contains(status) else { return nil }
        let named = RefusedMembers.names(in: problem)
        self.init(members: Set(sent.keys.filter { name in named.contains { RefusedMembers.means($0, name) } }))
        if members.isEmpty, named.contains(where: { RefusedMembers.identifying.contains($0.lowercased()) }) { return nil }
        guard members.isEmpty else { return }
        let texts = RefusedMembers.texts(in: problem)
        members = Set(sent.keys.filter { name in texts.contains { RefusedMembers.names(name, in: $0) } })
    }

    /// The member names in the body: keys and values in the places where a name is expected.
    private static func names(in problem: JSONValue) -> [String] {
        var names: [String] = []
        for list in ["errors", "issues", "invalid-params", "invalid_params", "violations", "details"] {
            switch problem[list] {
            case .object(let members)?: names += members.firstMembers(longestList).map { $0.key }
            case .array(let entries)?:
                for entry in entries.prefix(longestList) {
                    for key in ["field", "name", "param", "property", "path", "pointer"] {
                        names += [entry[key]?.stringValue].compactMap { $0 }
                        names += [entry[key]?.arrayValue?.compactMap(\.stringValue).joined(separator: ".")].compactMap { $0 }
                    }
                    names += [entry["source"]?["pointer"]?.stringValue].compactMap { $0 }
                }
            default: break
            }
        }
        names += [problem["field"], problem["param"]].compactMap { $0?.stringValue }
        return names.filter { $0.utf8.count <= longestName }
    }

    /// `user_id`, `conversation.title`, `/user/email` and `data.attributes.title` stand for the members with the same last parts.
    private static func means(_ name: String, _ member: String) -> Bool {
        let path = name.split { "./[]#".contains($0) }
        let parts = member.split(separator: ".")
        return path.count >= parts.count && (path.suffix(parts.count).elementsEqual(parts) || path.starts(with: parts))
    }

    private static func texts(in problem: JSONValue) -> [String] {
        var texts = ["title", "detail", "message", "error"].compactMap { problem[$0]?.stringValue }
        for entry in (problem["errors"]?.arrayValue ?? []).prefix(20) {
            texts += [entry["message"]?.stringValue, entry["detail"]?.stringValue, entry.stringValue].compactMap { $0 }
        }
        return texts.map { String($0.prefix(1000)) }
    }

    /// Whether the text contains a member's name as a separate word. Names that occur in every error text only count in quotation marks.
    private static func names(_ member: String, in text: String) -> Bool {
        let name = String(member.split(separator: ".").last ?? "")
        if ["\"", "'", "`"].contains(where: { text.contains("\($0)\(name)\($0)") || text.contains("\($0)\(member)\($0)") }) { return true }
        guard name.contains("_") || name.contains(where: \.isUppercase) || name == "email" else { return false }
        return text.split { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "." }.contains { $0 == name || $0 == member }
    }
}
