import SandboxModel
import SyncCore
import SyncStore

/// What the application does.
extension Simulation {
    /// The values of a conversation as somebody who works with the application sets them.
    private struct Values {
        let status: String
        let assignee: String?
    }

    private func drawValues() -> Values {
        Values(
            status: ["open", "open", "resolved", "closed", "ended"].randomElement(using: &random) ?? "open",
            assignee: ["agent_fin", "jane", "bob", nil].randomElement(using: &random) ?? nil)
    }

    private func newTitle() -> String {
        // Numbered by the act, so that without some acts the others have the same titles.
        Titles.ofApplication(actCount + 1, hostileText())
    }

    private func drawTags() -> String {
        let tags = JSONValue.array(plan.tags.filter { _ in chance(40) }.shuffled(using: &random).map(JSONValue.string)).text
        guard plan.isHostile, chance(10) else { return tags }
        // A text that was cut in the middle of a character by a program that counts in UTF-16.
        return #"["cut\ud83d""# + (tags == "[]" ? "]" : ",\(tags.dropFirst())")
    }

    /// Empty in most worlds.
    private func hostileText(mayBeLong: Bool = false) -> String {
        plan.isHostile ? HostileText.draw(mayBeLong: mayBeLong, &random) : ""
    }

    private func hostileBytes() -> [UInt8] {
        plan.isHostile && chance(15) ? HostileText.notUTF8.randomElement(using: &random) ?? [] : []
    }

    /// Some columns of a conversation get other values.
    func change(_ id: String) async throws {
        count("changes of the application")
        let values = drawValues()
        let assignments: SQL
        switch number(0...5) {
        case 0:
            let title = newTitle()
            assignments = "title = \(RawText(title, hostileBytes()))"
            tell("The application sets the title of \(id) to '\(title)'.")
        case 1:
            let tags = drawTags()
            assignments = "tags = \(tags)"
            tell("The application sets the tags of \(id) to \(tags).")
        case 2:
            assignments = "assignee_id = \(values.assignee)"
            tell("The application gives \(id) to \(values.assignee ?? "nobody").")
        default:
            assignments = "status = \(values.status), assignee_id = \(values.assignee)"
            tell("The application sets \(id) to \(values.status), and gives it to \(values.assignee ?? "nobody").")
        }
        let updatedAt = applicationTime.iso8601
        if try await attempt({ try await application.change([id], "\(assignments), updated_at = \(updatedAt)") }) { committed() }
    }

    /// The application's clock is not that of the service.
    private var applicationTime: Instant { clock.truth + plan.applicationClock }

    func write(_ id: String) async throws {
        count("messages")
        let message = "m\(actCount)"
        tell("A user writes \(message) in \(id).")
        let body = RawText(Messages.body(message, hostileText(mayBeLong: true)), hostileBytes())
        guard try await attempt({ try await application.write(message: message, body, of: id, at: applicationTime) }) else { return }
        customersWrote.insert(id)
        committed()
        guard plan.isTwoWay, plan.remotes.contains(where: { $0.name == "voicebot" }), chance(50) else { return }
        for hook in try remotes.customerWrites(id, now: clock.truth) { send(hook, "voicebot") }
    }

    /// Less common things.
    func rework(_ id: String) async throws {
        let other = plan.conversations[number(0...plan.conversations.count - 1)]
        if plan.renamesUsers, chance(10) { return try await renameUser() }
        switch number(0...9) {
        case 0..<2:
            let remote = chance(50) ? "voicebot" : "vg"
            if plan.sharesObjects, chance(60) { return try await share(id, remote, with: other) }
            tell("The application links \(id) to its object at \(remote).")
            if try await attempt({ try await application.link(id, to: remote) }) { committed() }
        case 2:
            let remote = chance(50) ? "voicebot" : "vg"
            tell("The application deletes the link of \(id) to \(remote).")
            guard try await attempt({ try await application.unlink(id, from: remote) }) else { return }
            relinked.insert(id)
            committed()
        case 3: try await changeMany()
        case 4..<6:
            count("replaced conversations")
            let (values, title, tags) = (drawValues(), newTitle(), drawTags())
            tell("The application replaces \(id): \(values.status), \(values.assignee ?? "nobody"), '\(title)', \(tags).")
            if try await attempt({
                try await application.replace(id, status: values.status, assignee: values.assignee, title: title, tags: tags)
            }) {
                committed()
            }
        case 6..<8 where plan.deletes:
            count("deleted conversations")
            let title = chance(60) ? newTitle() : nil
            tell("The application deletes \(id)\(title.map { " and inserts it again as '\($0)'" } ?? "").")
            if try await attempt({ try await application.delete(id, insertingAgain: title) }) {
                remotes.forgot(id)
                customersWrote.remove(id)
                relinked.insert(id)
                committed()
            }
        case 8 where plan.deletes && id != other:
            count("merged conversations")
            tell("The application moves the messages of \(id) to \(other).")
            if try await attempt({ movedMessages.formUnion(try await application.moveMessages(from: id, to: other)) }) {
                if customersWrote.contains(id) { customersWrote.insert(other) }
                committed()
            }
        case 9 where plan.isHostile: try await expectRefusedKey()
        default:
            tell("The application writes a message of an agent in \(id).")
            count("messages of agents")
            let message = "a\(actCount)"
            if try await attempt({
                try await application.write(message: message, RawText(message), of: id, by: "agent", at: applicationTime)
            }) {
                committed()
            }
        }
    }

    /// Every conversation of the user has another name to tell.
    private func renameUser() async throws {
        count("names that changed")
        let name = "Jane \(actCount)\(hostileText())"
        tell("The user is called '\(name)' from now on.")
        if try await attempt({ try await application.rename(to: name) }) { committed() }
    }

    /// By mistake, two conversations are linked to one object, for a while.
    private func share(_ id: String, _ remote: String, with other: String) async throws {
        guard id != other else { return }
        if try await endSharing() { return }
        count("objects of two conversations")
        tell("The application links \(id) to the object that \(other) has at \(remote).")
        var isLinked = false
        try await attempt { isLinked = try await application.link(id, to: remote, asThatOf: other) }
        guard isLinked else { return }
        relinked.formUnion([id, other])
        committed()
    }

    /// - Returns: whether a conversation was linked to another one's object.
    @discardableResult
    func endSharing() async throws -> Bool {
        var isShared = false
        for remote in ["voicebot", "vg"] {
            for id in plan.conversations {
                let own = RemoteSystems.id(of: id, at: remote)
                let isStray = try await application.number(
                    "SELECT count(*) FROM links WHERE conversation_id = \(id) AND remote = \(remote) AND remote_id <> \(own)")
                guard isStray > 0 else { continue }
                isShared = true
                tell("The application links \(id) to its own object at \(remote) again.")
                if try await attempt({ _ = try await application.link(id, to: remote, asThatOf: id) }) { committed() }
            }
        }
        return isShared
    }

    /// An id that no remote could be told is not taken.
    private func expectRefusedKey() async throws {
        count("ids that were refused")
        let id = RawText("c", (HostileText.notUTF8 + [[0], [0, 0x61]]).randomElement(using: &random) ?? [])
        tell("The application inserts a conversation whose id has the bytes \(id.bytes).")
        do {
            if try await attempt({ try await application.insert(id) }) {
                fail("a conversation whose id has the bytes \(id.bytes) was taken")
            }
        } catch StoreError.sqlite(let code, _) where code & 0xFF == 19 {
            // SQLITE_CONSTRAINT, from the trigger that checks ids.
        }
    }

    /// Many conversations change in one transaction.
    private func changeMany() async throws {
        count("bulk changes")
        let values = drawValues()
        let ids = plan.conversations.filter { _ in chance(60) }
        tell("The application sets \(ids.joined(separator: ", ")) to \(values.status), and gives them to \(values.assignee ?? "nobody").")
        if try await attempt({ try await application.change(ids, "status = \(values.status), assignee_id = \(values.assignee)") }) {
            committed()
        }
    }

    /// Somebody other than this process has committed: the processes are told a little later.
    func committed(by writer: ServiceProcess? = nil) {
        if writer == nil { mutateChecks { $0.committed(at: clock.uptime) } }
        for process in running where process !== writer {
            after(chance(95) ? span(0...30) : span(100...5000), .engine(.databaseChanged, process: process.number))
        }
    }
}
