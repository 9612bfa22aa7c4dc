import Fixtures
import GRDB

/// The application: changes its conversations, one transaction after the other, and keeps a journal of what it has written.
///
/// | conversations | by their number                                             | changed by                     |
/// |---------------|-------------------------------------------------------------|--------------------------------|
/// | its own       | of the AI, of nobody, of a teammate with a new number       | the application alone          |
/// | shared        | of nobody                                                   | people at one remote (`People`) |
///
/// Every change of its own has a revision number of its own, so that every call can be traced back to the states that it can show.
actor Application {
    private(set) var journal = Journal()
    /// The rows of `users`, `links` and `assignees`, as text.
    private(set) var ownRows: [String] = []
    /// The numbers of the shared conversations.
    private(set) var shared: [Int] = []
    private var database: ApplicationDatabase
    private var random: SeededGenerator
    private var revision = 0
    private var own: [Int] = []

    private struct Change: Sendable {
        var statements: [(sql: String, arguments: StatementArguments)] = []
        var states: [(conversation: String, state: Journal.State)] = []
        var messages: [(conversation: String, text: String)] = []
        var ownRows: [String] = []
    }

    init(_ database: ApplicationDatabase, seed: UInt64) {
        self.database = database
        random = SeededGenerator(seed: seed)
    }

    /// One transaction of a few changes, now and then a new conversation, seldom a change of all conversations.
    func step() async throws {
        var change = Change()
        switch Int.random(in: 0..<100, using: &random) {
        case 0: change = revise(own)
        case 1..<8 where own.count < 200: insert(isShared: false, &change)
        case 8..<28: write(&change)
        default: change = revise(Array(own.shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random))))
        }
        try await commit(change)
    }

    /// - Parameter count: of conversations to begin with.
    func begin(with count: Int) async throws {
        var change = Change()
        addTeammate(Teammate.atVoicebot, &change)
        for _ in 0..<count { insert(isShared: false, &change) }
        try await commit(change)
    }

    func addShared() async throws {
        var change = Change()
        insert(isShared: true, &change)
        try await commit(change)
    }

    /// All of its own conversations in one transaction.
    func reviseAll() async throws { try await commit(revise(own)) }

    /// Continues with another connection.
    func use(_ database: ApplicationDatabase) { self.database = database }

    /// A person at a remote has changed a shared conversation.
    /// - Parameter status: the local status that has to follow, if it was the last change.
    func noteAct(on conversation: String, endsWith status: String?) {
        journal.acts[conversation, default: 0] += 1
        journal.ends[conversation] = status
    }

    private func insert(isShared: Bool, _ change: inout Change) {
        let number = own.count + shared.count + 1
        let conversation = "c\(number)"
        let assignee = isShared ? nil : self.assignee(of: number, &change)
        let state = Journal.State(title: title(number), tags: ["new"], assignee: assignee)
        change.statements += [
            ("INSERT INTO users (id, name, email) VALUES (?, ?, ?)", ["u\(number)", "User \(number)", "u\(number)@example.com"]),
            (
                "INSERT INTO conversations (id, title, tags, user_id, assignee_id) VALUES (?, ?, ?, ?, ?)",
                [conversation, state.title, Self.json(state.tags), "u\(number)", state.assignee]
            ),
        ]
        change.ownRows.append("user|u\(number)|User \(number)|u\(number)@example.com")
        for remote in ["voicebot", "vg"] {
            let id = LocalName.remoteID(of: number, at: remote)
            change.statements.append(
                ("INSERT INTO links (conversation_id, remote, remote_id) VALUES (?, ?, ?)", [conversation, remote, id]))
            change.ownRows.append("link|\(conversation)|\(remote)|\(id)")
        }
        change.states.append((conversation, state))
        if isShared {
            shared.append(number)
            journal.acts[conversation] = 0
        } else {
            own.append(number)
        }
    }

    private func revise(_ numbers: [Int]) -> Change {
        var change = Change()
        for number in numbers {
            let conversation = "c\(number)"
            guard var state = journal.states[conversation]?.last else { continue }
            let parts = Int.random(in: 1...15, using: &random)
            if parts & 1 != 0 { state.title = title(number) }
            if parts & 2 != 0 { state.status = ["open", "open", "resolved", "closed", "ended"].randomElement(using: &random) ?? "open" }
            if parts & 4 != 0 { state.tags = ["new", "tag \(Int.random(in: 1...5, using: &random))"] }
            if parts & 8 != 0, number % 3 == 2 { state.assignee = assignee(of: number, &change) }
            change.statements.append(
                (
                    "UPDATE conversations SET title = ?, tags = ?, status = ?, assignee_id = ? WHERE id = ?",
                    [state.title, Self.json(state.tags), state.status, state.assignee, conversation]
                ))
            change.states.append((conversation, state))
        }
        return change
    }

    private func write(_ change: inout Change) {
        guard let number = own.randomElement(using: &random) else { return }
        revision += 1
        change.statements.append(
            (
                "INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', ?)",
                ["m\(revision)", "c\(number)", "message \(revision)"]
            ))
        change.messages.append(("c\(number)", "message \(revision)"))
    }

    /// The AI's conversations stay the AI's: at vg it never takes one from a person.
    private func assignee(of number: Int, _ change: inout Change) -> String? {
        switch number % 3 {
        case 0: return "agent_fin"
        case 1: return nil
        default:
            revision += 1
            addTeammate(revision, &change)
            return Teammate.name(revision)
        }
    }

    private func addTeammate(_ number: Int, _ change: inout Change) {
        let name = Teammate.name(number)
        change.statements.append(("INSERT INTO assignees VALUES (?, 'voicebot', ?)", [name, "\(number)"]))
        change.ownRows.append("assignee|\(name)|voicebot|\(number)")
    }

    private func title(_ number: Int) -> String {
        revision += 1
        return "revision \(revision) of c\(number)"
    }

    private func commit(_ change: Change) async throws {
        let span = try await database.onThread { database in
            let clock = ContinuousClock()
            return try clock.measure {
                try database.queue.write { db in
                    for (sql, arguments) in change.statements { try db.execute(sql: sql, arguments: arguments) }
                }
            }
        }
        journal.longestTransaction = max(journal.longestTransaction, span)
        for (conversation, state) in change.states { journal.states[conversation, default: []].append(state) }
        for (conversation, text) in change.messages { journal.messages[conversation, default: []].append(text) }
        ownRows += change.ownRows
    }

    private static func json(_ tags: [String]) -> String { "[" + tags.map { "\"\($0)\"" }.joined(separator: ",") + "]" }
}
