extension VoicebotSystem {
    /// The page sizes of the list. Not documented for conversations; 100 is the vendor's number for messages (docs/remotes/voicebot.md).
    private static let defaultPageSize = 100
    private static let maximumPageSize = 100

    /// `GET /conversations?page=&per_page=`: `data`, `links{first, last, prev, next}` and `meta`, ordered by id.
    func list(_ call: RemoteCall, context: RemoteContext) throws(RemoteRefusal) -> RemoteResponse {
        let query = call.request.target.query
        let page = try Self.positive(query["page"], name: "page", fallback: 1, maximum: .max)
        let asked = query["per_page"]
        let pageSize = try Self.positive(asked, name: "per_page", fallback: Self.defaultPageSize, maximum: Self.maximumPageSize)
        let deleted = context.options.deleted
        let users = context.options.users
        let identifiers = deleted.isEmpty ? identifiers : identifiers.filter { !deleted.contains(String($0)) }
        let lastPage = max(1, (identifiers.count + pageSize - 1) / pageSize)
        let start = page > lastPage ? identifiers.count : (page - 1) * pageSize
        let shown = identifiers[start..<min(identifiers.count, start + pageSize)]
        let address = call.base + "/conversations"
        func link(_ number: Int) -> SandboxJSON { .string("\(address)?per_page=\(pageSize)&page=\(number)") }
        let body: SandboxJSON = [
            "data": .array(shown.compactMap { (lag.listed(Self.key($0)) ?? conversations[$0])?.document(users: users) }),
            "links": [
                "first": link(1),
                "last": link(lastPage),
                "prev": page > 1 ? link(min(page, lastPage + 1) - 1) : .null,
                "next": page < lastPage ? link(page + 1) : .null,
            ],
            "meta": [
                "current_page": .integer(page),
                "from": shown.isEmpty ? .null : .integer(start + 1),
                "last_page": .integer(lastPage),
                "path": .string(address),
                "per_page": .integer(pageSize),
                "to": shown.isEmpty ? .null : .integer(start + shown.count),
                "total": .integer(identifiers.count),
                "links": [],
            ],
        ]
        return RemoteResponse(body: body, outcome: .read)
    }

    private static func positive(_ text: String?, name: String, fallback: Int, maximum: Int) throws(RemoteRefusal) -> Int {
        guard let text else { return fallback }
        guard let value = Int(text), value >= 1, value <= maximum else {
            let limit = maximum == .max ? "a positive integer" : "an integer from 1 to \(maximum)"
            throw RemoteRefusal(status: 422, violations: [Violation(field: name, code: .notAllowed, message: "\(name) must be \(limit)")])
        }
        return value
    }
}
