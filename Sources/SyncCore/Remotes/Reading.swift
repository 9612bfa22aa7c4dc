/// Where the next page of a list begins, in the remote's own terms: the query of a next link, or a cursor.
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

/// The reading half of an adapter: which calls tell the remote's present state, and how to read the responses.
///
/// Lists are hints only: one may come from a mirror that lags behind (docs/remotes/vg.md, "Reading"). What a list says is confirmed by reading
/// the object before anything is done about it.
///
/// Calls with the method GET carry `.null` as body: nothing is sent.
package protocol Reading: Sendable {
    /// The field that carries the status value in calls and responses; nil where there is none.
    var statusField: String? { get }
    /// The field that names the assignee.
    var assigneeField: String? { get }

    /// The id of a person as the remote's own calls spell it, so that it compares equal with what is sent.
    func assigneeValue(_ id: String) -> JSONValue

    /// The call for a page of the list; nil where the kind has no list.
    /// - Parameter agent: where there is one list per agent; nil: of the configured one.
    func listCall(agent: String?, after token: PageToken?) -> OutboundCall?

    /// Throws an ``Unreadable`` when the body is not such a list.
    func page(in body: JSONValue) throws(Unreadable) -> ListPage

    /// The same for the response to ``listCall(agent:after:)`` with that token: a next page that does not lead on from there is none.
    ///
    /// This keeps a list from being read in place for ever. One that goes round in longer circles has to be bounded by who reads it.
    func page(in body: JSONValue, after token: PageToken?) throws(Unreadable) -> ListPage

    /// The call that reads one conversation. Throws an ``Unsendable`` where the link does not allow one, or the kind offers none.
    func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall

    /// What a response to ``readCall(conversationID:link:)`` says. Throws an ``Unreadable`` when the body is not such a conversation.
    func conversation(in body: JSONValue) throws(Unreadable) -> Observation

    /// The ids that a response to a read or a write gives the conversation that it is about, the documented one first. Empty: the response
    /// is believed to be about the conversation that was asked for.
    func reportedIDs(in body: JSONValue) -> [String]
}

/// What a kind has that offers nothing to read.
extension Reading {
    package func assigneeValue(_ id: String) -> JSONValue { .string(id) }
    package func listCall(agent: String?, after token: PageToken?) -> OutboundCall? { nil }
    package func page(in body: JSONValue) throws(Unreadable) -> ListPage { throw Unreadable("this kind of remote has no list") }
    package func page(in body: JSONValue, after token: PageToken?) throws(Unreadable) -> ListPage {
        var page = try page(in: body)
        if page.next == token { page.next = nil }
        return page
    }
    package func readCall(conversationID: String, link: Link) throws(Unsendable) -> OutboundCall {
        throw Unsendable("this kind of remote offers no way to read a conversation")
    }
    package func conversation(in body: JSONValue) throws(Unreadable) -> Observation {
        throw Unreadable("this kind of remote offers no way to read a conversation")
    }
    package func reportedIDs(in body: JSONValue) -> [String] { [] }
}
