import SandboxModel
import SyncCore
import SyncStore

/// People at a remote and the application change the same thing of a conversation. It is known in advance whose value has to stay.
///
/// | subject | remote       | at the beginning | people at the remote       | the application   |
/// |---------|--------------|------------------|----------------------------|-------------------|
/// | state   | helpdesk     | open, nobody's   | resolve it                 | closes it         |
/// | state   | voicebot     | open, nobody's   | jane picks it up           | gives it to bob   |
/// | state   | vg           | open, jane's     | want somebody to take it   | gives it to bob   |
/// | title   | helpdesk, vg |                  | another title              | another title     |
/// | person  | voicebot     | open, nobody's   | somebody unknown has it    | gives it to bob   |
/// | person  | vg           | open, nobody's   | somebody has the chat      | gives it to the AI |
/// | revocation | voicebot  | open, nobody's   | jane has it                | gives it to nobody |
/// | end     | helpdesk     | open, nobody's   | resolve it                 | a user's message  |
/// | end     | vg           | open, nobody's   | complete it                | a user's message  |
/// | reopening | helpdesk, vg | closed, nobody's | open it                  | nothing, or a user's message |
struct Contest {
    enum Subject: CaseIterable {
        case state, title, person, revocation, end, reopening
    }

    enum Order: CaseIterable {
        case peopleOnly
        /// Neither side has seen what the other did.
        case peopleFirst, applicationFirst
        /// The application has what people did before it makes its change.
        case oneAfterTheOther
    }

    let subject: Subject
    let order: Order
    let object: RemoteSystems.Object
    let preparation: SQL
    let people: [String: SandboxJSON]
    /// Nil for a message of a user.
    let change: SQL?
    /// The row before it, and as either side would have it.
    let rows: (before: String, people: String, application: String)

    /// Nil where it is not defined.
    /// - Parameter number: that of the titles of the application.
    init?(_ subject: Subject, at remote: Remote, of id: String, _ order: Order, number: Int) {
        let fields = remote.profile.adoption.fields
        guard fields.contains(subject == .title ? .title : .status) else { return nil }
        self.subject = subject
        object = RemoteSystems.Object(remote: remote.name, conversation: id)
        let nobodys: SQL = "status = 'open', assignee_id = NULL"
        let toBob: SQL = "assignee_id = 'bob'"
        switch (subject, remote.name) {
        case (.state, "helpdesk"):
            (preparation, people, change) = (nobodys, ["status": "resolved"], "status = 'closed'")
            rows = ("open -", "resolved -", "closed -")
        case (.state, "voicebot"):
            (preparation, people, change) = (nobodys, ["status": "in-progress", "user_id": .integer(WorldPlan.known.id)], toBob)
            rows = ("open -", "open \(WorldPlan.known.assignee)", "open bob")
        case (.state, "vg"):
            (preparation, people, change) = ("status = 'open', assignee_id = 'jane'", ["state": "requested_chat"], toBob)
            rows = ("open jane", "open -", "open bob")
        case (.title, "helpdesk"), (.title, "vg"):
            rows = (Titles.ofApplication(number), Titles.ofPeople(number), Titles.ofApplication(number + 1))
            (preparation, people, change) = ("title = \(rows.before)", ["title": .string(rows.people)], "title = \(rows.application)")
        case (.person, "voicebot"):
            (preparation, people, change) = (nobodys, ["status": "in-progress", "user_id": 9], toBob)
            rows = ("open -", "open \(Profile.standardUnknownAssignee)", "open bob")
        case (.person, "vg") where !remote.profile.statusMap.neverOver.isEmpty:
            (preparation, people, change) = (nobodys, ["state": "human-chatting"], "assignee_id = \(WorldPlan.ai)")
            rows = ("open -", "open \(Profile.standardUnknownAssignee)", "open \(WorldPlan.ai)")
        case (.revocation, "voicebot"):
            (preparation, people, change) = (nobodys, ["user_id": .integer(WorldPlan.known.id)], "assignee_id = NULL")
            rows = ("open -", "open \(WorldPlan.known.assignee)", "open -")
        case (.end, "helpdesk"), (.end, "vg"):
            preparation = nobodys
            people = remote.name == "vg" ? ["state": "completed"] : ["status": "resolved"]
            change = nil
            rows = ("open -", "open -", "open -")
        case (.reopening, "helpdesk"), (.reopening, "vg"):
            preparation = "status = 'closed', assignee_id = NULL"
            people = remote.name == "vg" ? ["state": "requested_chat"] : ["status": "open"]
            change = nil
            rows = ("closed -", "open -", "closed -")
        default: return nil
        }
        self.order =
            switch subject {
            case .state, .title: order
            case .person, .revocation: .oneAfterTheOther
            case .end: .peopleFirst
            case .reopening: [.peopleOnly, .oneAfterTheOther].contains(order) ? .peopleOnly : .applicationFirst
            }
    }

    /// The columns of the conversation that it is about.
    var row: SQL {
        switch subject {
        case .title: "SELECT title FROM conversations WHERE id = \(object.conversation)"
        default: "SELECT status || ' ' || coalesce(assignee_id, '-') FROM conversations WHERE id = \(object.conversation)"
        }
    }

    /// - Parameters:
    ///   - isDated: whether the dates of both sides can be compared.
    ///   - wasThere: whether the remote named the same user before, so that people change the status only, to what the application's change looks
    ///     like there.
    /// - Returns: the row that has to stay; nil where the rule leaves it open.
    func winner(_ conflict: AdoptionPolicy.Conflict, isDated: Bool, wasThere: Bool) -> String? {
        switch (order, conflict) {
        case _ where subject == .end: isDated ? rows.before : nil
        case (.peopleOnly, _): rows.people
        case (.oneAfterTheOther, _): rows.application
        case _ where wasThere: rows.application
        case (_, .local): rows.application
        case (_, .remote): rows.people
        case (.peopleFirst, .newest): isDated ? rows.application : nil
        case (.applicationFirst, .newest): isDated ? rows.people : nil
        }
    }

    /// Whether it has to be open after people have opened what was closed; nil where that is not known.
    /// - Parameter mayFinOpen: whether the response to a message may open it as well, whatever the remote may do.
    func isReopened(_ policy: AdoptionPolicy.Reopening, mayFinOpen: Bool) -> Bool? {
        let hasMessage = order == .applicationFirst
        return switch policy {
        case .always: true
        case .message: hasMessage
        case .never: hasMessage && mayFinOpen ? nil : false
        }
    }

    var text: String { "\(subject), \(order), of \(object.conversation) at \(object.remote)" }
}
