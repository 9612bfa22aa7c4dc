import GRDB
import SyncCore
import Testing

/// What has to hold after a walk over the bridge.
extension BridgeBench {
    /// All agree up to class × owner, as far as each remote can say it.
    ///
    /// | local         | helpdesk   | voicebot                              | vg                                              |
    /// |---------------|------------|---------------------------------------|-------------------------------------------------|
    /// | open (ai)     | same word  | in-progress                           | ai-chatting; guard: human-chatting, requested_chat |
    /// | open (none)   | same word  | to-do; in-progress without a user     | requested_chat                                  |
    /// | open (human)  | same word  | in-progress                           | human-chatting                                  |
    /// | finished      | same word  | done                                  | ended_chat, completed                           |
    ///
    /// Exceptions, and no others: the guard of vg; a user who came by himself stays in voicebot when the AI gets the conversation back;
    /// a word that nobody mapped stays where it is until something is sent; fin is told nothing. Titles and tags are compared where the
    /// configuration says that they are taken over: elsewhere what people change over there is not looked at.
    func expectAgreement(seed: UInt64) throws {
        let world = remotes.world.withLock { $0 }
        #expect(world.violations.isEmpty, "seed \(seed): \(world.violations)")
        let rows = try application.read { try Row.fetchAll($0, sql: "SELECT id, status, assignee_id, title, tags FROM conversations") }
        for row in rows {
            let id: String = row[0]
            let status: String = row[1]
            let assignee: String? = row[2]
            let owner = assignee == nil ? "none" : assignee == "agent_fin" ? "ai" : "human"
            let local = status == "open" ? owner : "finished"
            let place = "seed \(seed): \(id) is \(status) (\(assignee ?? "-"))"
            let tags = Set(try JSONValue(text: row[4] ?? "[]").arrayValue?.compactMap(\.stringValue) ?? [])
            if let helpdesk = Self.key(.helpdesk, id).flatMap({ world.objects[$0] }) {
                #expect(helpdesk.word == status && helpdesk.assignee == assignee, "\(place), helpdesk \(helpdesk)")
                let isSame = helpdesk.title == row[3] && Set(helpdesk.tags) == tags
                #expect(isSame || !rules.adopt.contains("title"), "\(place), \(row)\(told(of: id, world))")
            }
            if let voicebot = Self.key(.voicebot, id).flatMap({ world.objects[$0] }) {
                let words = ["ai": ["in-progress"], "none": ["to-do", "in-progress"], "human": ["in-progress"], "finished": ["done"]]
                // `to-do` with a user is open and his.
                let isHis = local == "human" && voicebot.word == "to-do" && voicebot.user != nil
                #expect(isHis || words[local]?.contains(voicebot.word) == true, "\(place), voicebot \(voicebot)")
                if local == "none" { #expect(voicebot.word == "to-do" || voicebot.user == nil, "\(place), voicebot \(voicebot)") }
            }
            if let vg = Self.key(.vg, id).flatMap({ world.objects[$0] }) {
                let words = [
                    "ai": ["ai-chatting", "human-chatting", "requested_chat"], "none": ["requested_chat"], "human": ["human-chatting"],
                    "finished": ["ended_chat", "completed"],
                ]
                let isKnown = vg.word != BridgeWorld.unmappedWord
                #expect(words[local]?.contains(vg.word) == true || !isKnown, "\(place), vg \(vg)")
                let isSame = vg.title == row[3] && Set(vg.tags).isSuperset(of: tags)
                #expect(isSame || !rules.adopt.contains("title"), "\(place), \(row)\(told(of: id, world))")
            }
        }
    }

    /// Nobody was written, and nothing taken over, more often than something changed.
    func expectBounds(seed: UInt64) throws {
        let world = remotes.world.withLock { $0 }
        let changes = try counts("SELECT conversation_id, count(*) FROM test_changes WHERE writer = 'application' GROUP BY 1")
        let daemon = try counts("SELECT conversation_id, count(*) FROM test_changes WHERE writer = 'daemon' GROUP BY 1")
        let adoptions = try counts("SELECT conversation_id || '@' || remote, count(*) FROM adopted_changes GROUP BY 1")
        for id in Self.conversations {
            var elsewhere = world.finEvents[id] ?? 0
            var adopted = adoptions["\(id)@fin"] ?? 0
            #expect(adopted <= elsewhere, "seed \(seed): \(id) took over more from fin than fin said")
            for place in BridgeWorld.Place.allCases {
                guard let key = Self.key(place, id) else { continue }
                let changed = world.humanChanges[key] ?? 0
                let count = adoptions["\(id)@\(place)"] ?? 0
                #expect(
                    count <= changed,
                    "seed \(seed): \(id) took over \(count) times from \(place), where \(changed) things changed\(told(of: id, world))")
                elsewhere += changed
                adopted += count
            }
            try expectChosen(id, world, seed: seed)
            #expect(adopted == daemon[id] ?? 0, "seed \(seed): every change by the daemon to \(id) has a row in adopted_changes")
            for place in BridgeWorld.Place.allCases {
                guard let key = Self.key(place, id) else { continue }
                let bound = 1 + (changes[id] ?? 0) + elsewhere + (world.failedWrites[key] ?? 0)
                #expect(world.writes[key] ?? 0 <= bound, "seed \(seed): \(key) was written \(world.writes[key] ?? 0) times, bound \(bound)")
            }
        }
    }

    /// What was taken over is what people over there chose, as often as they chose it at most: never what was sent there.
    private func expectChosen(_ id: String, _ world: BridgeWorld, seed: UInt64) throws {
        let adopted = try counts(
            """
            SELECT remote || ' ' || word, count(*) FROM adopted_changes
            WHERE conversation_id = '\(id)' AND remote <> 'fin' AND (changes ->> '$.status' IS NOT NULL OR changes ->> '$.assignee_id' IS NOT NULL)
            GROUP BY 1
            """)
        for place in BridgeWorld.Place.allCases {
            guard let key = Self.key(place, id) else { continue }
            for (word, count) in adopted where word.hasPrefix("\(place) ") {
                // A conversation that was taken while it had another word is seen under the one that was sent since.
                let taken = ["voicebot in-progress", "voicebot to-do", "voicebot done"].contains(word) ? world.taken[key] ?? 0 : 0
                let chosen = taken + (world.chosen[key]?[String(word.dropFirst("\(place) ".count))] ?? 0)
                #expect(
                    count <= chosen,
                    "seed \(seed): \(id) took over \(word) \(count) times, people chose it \(chosen) times\(told(of: id, world))")
            }
        }
    }

    /// What happened to a conversation everywhere.
    private func told(of id: String, _ world: BridgeWorld) -> String {
        BridgeWorld.Place.allCases.compactMap { Self.key($0, id) }
            .map { key in "\n\(key.place): " + (world.history[key] ?? []).joined(separator: "\n    ") }.joined()
    }
}
