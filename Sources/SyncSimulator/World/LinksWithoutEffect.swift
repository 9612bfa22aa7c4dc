import SyncCore
import SyncRemotes
import SyncStore

/// Rows of `links` that name remotes which need none. An application may write them for every remote, move them when it merges conversations, and
/// delete them while calls wait; nothing may come of it.
///
/// None is left when a transaction ends.
enum LinksWithoutEffect {
    private static let remotes = Kinds.all.filter { !$0.needsLink }.map(\.name)

    static func write(for id: String, _ session: any Session) throws {
        for remote in remotes { try session.run("INSERT OR REPLACE INTO links VALUES (\(id), \(remote), \(id), NULL)") }
    }

    static func move(from id: String, to other: String, _ session: any Session) throws {
        try session.run(
            "UPDATE OR REPLACE links SET conversation_id = \(other) WHERE conversation_id = \(id) AND remote IN \(in: remotes)")
    }

    static func delete(of id: String, _ session: any Session) throws {
        try session.run("DELETE FROM links WHERE conversation_id = \(id) AND remote IN \(in: remotes)")
    }
}
