import SyncCore

/// Which members of a call a remote refuses, as far as its error body says: Laravel's `errors: {"user_id": […]}` (voicebot), the members
/// of an RFC 7807 problem (helpdesk), `field` beside a message, or the name of a member within a text.
extension RefusedMembers {
    /// Status codes that speak of what a call carries (RFC 9110 sections 15.5.1 and 15.5.21).
    private static let statuses: Set<Int64> = [400, 422]
    /// Members of every call, which name the object: a remote that refuses them refuses the call.
    private static let identifying: Set<String> = ["conversation_id", "id", "convoid", "agentid"]

    /// Nil where the call is refused as such.
    /// - Parameter status: of the response; a problem inside of a 200 has its own.
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

    /// What the body calls members: keys and values that stand where a name is expected.
    private static func names(in problem: JSONValue) -> [String] {
        var names: [String] = []
        for list in ["errors", "issues", "invalid-params", "invalid_params", "violations", "details"] {
            switch problem[list] {
            case .object(let members)?: names += members.keys
            case .array(let entries)?:
                for entry in entries.prefix(50) {
                    for key in ["field", "name", "param", "property", "path", "pointer"] {
                        names += [entry[key]?.stringValue].compactMap { $0 }
                        names += [entry[key]?.arrayValue?.compactMap(\.stringValue).joined(separator: ".")].compactMap { $0 }
                    }
                    names += [entry["source"]?["pointer"]?.stringValue].compactMap { $0 }
                }
            default: break
            }
        }
        return names + [problem["field"], problem["param"]].compactMap { $0?.stringValue }
    }

    /// `user_id`, `conversation.title`, `/user/email` and `data.attributes.title` mean members that the call calls by their last parts.
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

    /// A member's name as a word of its own. Names that are words of every error text count in quotation marks only.
    private static func names(_ member: String, in text: String) -> Bool {
        let name = String(member.split(separator: ".").last ?? "")
        if ["\"", "'", "`"].contains(where: { text.contains("\($0)\(name)\($0)") || text.contains("\($0)\(member)\($0)") }) { return true }
        guard name.contains("_") || name.contains(where: \.isUppercase) || name == "email" else { return false }
        return text.split { !$0.isLetter && !$0.isNumber && $0 != "_" && $0 != "." }.contains { $0 == name || $0 == member }
    }
}
