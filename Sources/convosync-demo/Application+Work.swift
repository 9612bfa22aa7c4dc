import FoundationEssentials
import GRDB

extension Application {
    /// The team's work in one scene. Each is one transaction, so nothing is sent before it is committed.
    enum Work: String {
        /// Some are resolved, assigned or renamed; a user corrects her name.
        case morning = """
            UPDATE conversations SET status = 'resolved' WHERE status = 'open' AND rowid % 6 = 0;
            UPDATE conversations SET assignee_id = 'omar' WHERE assignee_id IS NULL AND rowid % 5 = 1;
            UPDATE conversations SET title = 'Order ' || (1000 + rowid) WHERE title IS NULL;
            UPDATE users SET name = 'Łucja Nowak' WHERE id = 'u2';
            """
        /// Some are reopened or reassigned; a user changes the address.
        case beforeTheCrash = """
            UPDATE conversations SET status = 'open' WHERE status = 'resolved' AND rowid % 12 = 0;
            UPDATE conversations SET assignee_id = 'jane' WHERE rowid % 7 = 3;
            UPDATE users SET email = 'sam@example.com' WHERE id = 'u3';
            """
        /// Some are closed; a user changes the plan.
        case outage = """
            UPDATE conversations SET status = 'closed' WHERE rowid % 4 = 3;
            UPDATE users SET attributes = '{"plan_type":"Team"}' WHERE id = 'u1';
            """

        /// What the users of some open conversations write at the same time.
        fileprivate var message: String {
            switch self {
            case .morning: "Is there any news?"
            case .beforeTheCrash: "My address has changed, please see above."
            case .outage: "Can I change my plan?"
            }
        }
    }

    func work(_ work: Work) throws {
        try database.write { db in
            try db.execute(sql: work.rawValue)
            let open = try String.fetchAll(db, sql: "SELECT id FROM conversations WHERE user_id = 'u2' AND status = 'open' LIMIT 15")
            for id in open { try write(message: UUID().uuidString, work.message, of: id, db) }
        }
    }

    /// Corrects the two rows that cannot be sent: the link gets an integer id, the conversation its user.
    func correct() throws {
        try database.write { db in
            try db.execute(
                sql: """
                    UPDATE links SET remote_id = '2' WHERE conversation_id = 'conv_2' AND remote = 'voicebot';
                    UPDATE conversations SET user_id = 'u1' WHERE id = 'conv_9';
                    """)
        }
    }
}
