/// Where the next page of a list begins, in the remote's own form: the query of a next link, or a cursor.
package struct PageToken: Equatable, Sendable {
    package var text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// One page of a remote's list of conversations.
package struct ListPage: Equatable, Sendable {
    package struct Row: Equatable, Sendable {
        package var remoteID: String
        package var observation: Observation

        package init(remoteID: String, observation: Observation) {
            self.remoteID = remoteID
            self.observation = observation
        }
    }

    package var rows: [Row]
    /// Nil on the last page.
    package var next: PageToken?

    package init(rows: [Row], next: PageToken?) {
        self.rows = rows
        self.next = next
    }
}

/// The reading half of an adapter: the calls that read the remote's present state, and the parsing of their responses.
///
/// Lists are only hints: one may come from a mirror that lags behind (docs/remotes/vg.md, "Reading"). A difference in a list is confirmed
/// by reading the object before anything is done about it.
///
/// Calls with the method GET have `.null` as body: none is sent.
package protocol Reading: Sendable {
    /// The field that carries the status value in calls and responses; nil if there is none.
    var statusField: String? { get }
    /// The field that names the assignee.
    var assigneeField: String? { get }

    /// A person's id as the remote's own calls spell it, so that it compares equal with what is sent.
    func assigneeValue(_ id: String) -> JSONValue

    /// The call for a page of the list; nil if the kind has no list.
    /// - Parameter agent: if there is one list per agent; nil: the configured agent.
    func listCall(agent: String?, after token: PageToken?) -> OutboundCall?

    /// Throws an ``Unreadable`` when the body is not such a list.
    func page(in body: JSONValue) throws(Unreadable) -> ListPage

    /// The same for the response to ``listCall(agent:after:)`` with that token and that agent: a next page with the same token is ignored, and
    /// an object whose link may have another id (``linkedIDs(named:agent:)``) has a row for each.
    ///
    /// This prevents reading the same page for ever. The caller has to limit longer cycles.
    func page(in body: JSONValue, after token: PageToken?, of agent: String?) throws(Unreadable) -> ListPage

    /// The call that reads one conversation. Throws an ``Unsendable`` if the link does not allow one, or the kind has none.
    func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall

    /// The content of a response to ``readCall(conversationID:link:)``. Throws an ``Unreadable`` when the body is not such a conversation.
    func conversation(in body: JSONValue) throws(Unreadable) -> Observation

    /// The ids that a response to a read or a write gives the conversation that it is about, the documented one first. Empty: the response
    /// is assumed to be about the requested conversation.
    func reportedIDs(in body: JSONValue) -> [String]

    /// The ids that a link to the object which the remote calls by this name may have, the name itself first.
    /// - Parameter agent: the one that the object belongs to; nil: the configured agent.
    func linkedIDs(named id: String, agent: String?) -> [String]
}

/// Defaults for kinds that cannot be read.
extension Reading {
    package func assigneeValue(_ id: String) -> JSONValue { .string(id) }
    package func listCall(agent: String?, after token: PageToken?) -> OutboundCall? { nil }
    package func page(in body: JSONValue) throws(Unreadable) -> ListPage { throw Unreadable("this kind of remote has no list") }
    package func page(in body: JSONValue, after token: PageToken?, of agent: String?) throws(Unreadable) -> ListPage {
        var page = try page(in: body)
        if page.next == token { page.next = nil }
        page.rows = page.rows.flatMap { row in
            linkedIDs(named: row.remoteID, agent: agent).map { ListPage.Row(remoteID: $0, observation: row.observation) }
        }
        return page
    }
    package func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        throw Unsendable("this kind of remote offers no way to read a conversation")
    }
    package func conversation(in body: JSONValue) throws(Unreadable) -> Observation {
        throw Unreadable("this kind of remote offers no way to read a conversation")
    }
    package func reportedIDs(in body: JSONValue) -> [String] { [] }
    package func linkedIDs(named id: String, agent: String?) -> [String] { [id] }
}

extension Reading {
    /// A page of the list of the configured agent.
    package func page(in body: JSONValue, after token: PageToken?) throws(Unreadable) -> ListPage {
        try page(in: body, after: token, of: nil)
    }
}
