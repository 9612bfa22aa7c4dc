extension Verdict {
    /// Every remote holds the local state.
    mutating func checkRemotes(_ history: History) {
        for truth in history.tables.conversations {
            for difference in truth.differences({ history.held[$0]?[$1] }) { fail(.lost, difference) }
        }
        for (conversation, status) in history.journal.ends {
            let found = history.tables.rows[conversation]?.status
            if found != status { fail(.lost, "\(conversation) is \(found ?? "gone"), a person at a remote made it \(status)") }
        }
        for (remote, states) in history.held {
            let known = Set(history.journal.states.keys)
            for id in states.keys where !known.contains(LocalName.of(id, at: remote)) { fail(.unwanted, "\(remote) holds \(id)") }
        }
    }

    /// The application finds what it has written, and the file is valid.
    mutating func checkTables(_ history: History) {
        let (journal, tables) = (history.journal, history.tables)
        for (conversation, states) in journal.states {
            guard var wanted = states.last, let found = tables.rows[conversation] else {
                fail(.changedRow, "\(conversation) is gone")
                continue
            }
            if journal.acts[conversation] != nil { (wanted.status, wanted.assignee) = (found.status, found.assignee) }
            if found != wanted { fail(.changedRow, "\(conversation) is \(found), written as \(wanted)") }
        }
        for conversation in tables.rows.keys where journal.states[conversation] == nil { fail(.changedRow, "\(conversation) was added") }
        for conversation in Set(tables.messages.keys).union(journal.messages.keys)
        where tables.messages[conversation] ?? [] != journal.messages[conversation] ?? [] {
            fail(.changedRow, "messages of \(conversation) are \(tables.messages[conversation] ?? [])")
        }
        if tables.ownRows.expected != tables.ownRows.found { fail(.changedRow, "users, links or assignees differ from what was written") }
        for line in tables.integrity where line != "ok" { fail(.database, line) }
        for row in tables.unfinished { fail(.unfinished, row) }
    }
}
