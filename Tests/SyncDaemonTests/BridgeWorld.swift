import SeededRandom
import SyncCore

/// Three remote systems that hold state, and Fin, which only tells: plain values, changed by calls and by people at those systems.
struct BridgeWorld {
    enum Place: String, CaseIterable {
        case helpdesk, voicebot, vg
    }

    struct Key: Hashable {
        var place: Place
        var id: String
    }

    struct Object {
        var word = ""
        /// voicebot: who answers.
        var user: Int64?
        var assignee: String?
        var title: String?
        var tags: [String] = []
        var changedAt = Instant(milliseconds: 0)
        var lastUserMessageAt: Instant?
        var line: String { "\(word) \(user.map(String.init) ?? assignee ?? "-") '\(title ?? "-")' \(tags) @\(changedAt.milliseconds)" }
    }

    static let unmappedWord = "a word of tomorrow"
    var random: SeededGenerator
    var objects: [Key: Object] = [:]
    /// What lists show: a copy that lags behind.
    var mirror: [Key: Object] = [:]
    /// Fin's statuses that have not been delivered yet.
    var undelivered: [Notice] = []
    var finWord: [String: String] = [:]
    var finEvents: [String: Int] = [:]
    /// Fields that people changed, by object.
    var humanChanges: [Key: Int] = [:]
    /// How often people chose a word, and how often they gave a conversation to somebody, by object.
    var chosen: [Key: [String: Int]] = [:]
    var taken: [Key: Int] = [:]
    var writes: [Key: Int] = [:]
    var failedWrites: [Key: Int] = [:]
    var reads = 0
    var inFlight: Set<Key> = []
    /// Written, and not shown since: what a text becomes there is taken for the form in which it is stored, whoever changed it.
    var unshown: Set<Key> = []
    var violations: [String] = []
    /// What happened to an object, in order: failures print it.
    var history: [Key: [String]] = [:]
    /// In percent of calls.
    var faultShare = 0
    /// Every call that writes is applied, and its answer lost.
    var losesAnswers = false
    /// Whether vg dates changes to the second, as its examples do, or to the millisecond; and how it spells "finished".
    var datesSeconds: Bool
    var finishedWord: String
    /// Whether the helpdesk keeps tags in an order of its own.
    var sortsTags: Bool
    private var lastEvent = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        datesSeconds = Bool.random(using: &random)
        finishedWord = Bool.random(using: &random) ? "completed" : "ended_chat"
        sortsTags = Bool.random(using: &random)
    }

    mutating func note(_ text: String, _ key: Key, at now: Instant) {
        history[key, default: []].append("\(now.milliseconds) \(text): \(objects[key].map(\.line) ?? "-")")
    }

    mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    // MARK: People at the systems

    /// Somebody over there changes something.
    mutating func act(at key: Key, now: Instant) {
        guard var object = objects[key] else { return }
        let before = object
        let draw = Int.random(in: 0..<8, using: &random)
        if key.place != .voicebot, draw < 2, isStoredFormUnknown(of: key, at: now) { return }
        switch (key.place, draw) {
        case (.voicebot, 0...1):
            object.user = [nil, 7, 9].randomElement(using: &random) ?? nil
        case (.voicebot, _):
            object.word = ["to-do", "in-progress", "done"].randomElement(using: &random) ?? "done"
            if object.word == "in-progress", chance(50) { object.user = chance(50) ? 7 : 9 }
        case (.vg, 0), (.helpdesk, 0):
            object.title = "title \(Int.random(in: 0..<1000, using: &random))"
        case (.vg, 1), (.helpdesk, 1):
            let tag = "t\(Int.random(in: 0..<6, using: &random))"
            if object.tags.contains(tag) { object.tags.removeAll { $0 == tag } } else { object.tags.append(tag) }
        case (.vg, 2):
            object.word = BridgeWorld.unmappedWord
        case (.vg, _):
            object.word = ["ai-chatting", "requested_chat", "human-chatting", finishedWord].randomElement(using: &random) ?? ""
        case (.helpdesk, _):
            object.word = LocalStatus.allCases.randomElement(using: &random)?.rawValue ?? ""
        }
        let changes = [
            object.word != before.word, object.user != before.user, object.title != before.title, object.tags != before.tags,
        ].count { $0 }
        guard changes > 0 else { return }
        humanChanges[key, default: 0] += changes
        if object.word != before.word { chosen[key, default: [:]][object.word, default: 0] += 1 }
        if object.user != before.user { taken[key, default: 0] += 1 }
        object.changedAt = now
        objects[key] = object
        note("people", key, at: now)
    }

    /// Whether a text that changes there cannot be told from the stored form of one that was sent: it was not shown since, or the change
    /// would have the date of the call.
    private func isStoredFormUnknown(of key: Key, at now: Instant) -> Bool {
        guard let object = objects[key], !unshown.contains(key) else { return true }
        let tick: Int64 = key.place == .vg && datesSeconds ? 1000 : 1
        return object.changedAt.milliseconds / tick == now.milliseconds / tick
    }

    /// Lists catch up with some of the objects.
    mutating func refreshMirror(share: Int) {
        for key in objects.keys.sorted(by: { ($0.place.rawValue, $0.id) < ($1.place.rawValue, $1.id) }) where chance(share) {
            mirror[key] = objects[key]
        }
    }

    // MARK: Fin

    /// Fin took a message: what it says at once, and what it will say.
    mutating func finTakes(_ conversation: String, now: Instant) -> String {
        let scripts = [
            ["replying", "awaiting_user_reply"], ["escalated", "complete"], ["replying", "resolved", "complete"], ["complete"],
        ]
        var moment = now
        for word in ["thinking"] + (scripts.randomElement(using: &random) ?? []) {
            finEvents[conversation, default: 0] += 1
            if word != "thinking" {
                moment = moment + .milliseconds(Int64.random(in: 1...3000, using: &random))
                lastEvent += 1
                undelivered.append(.status(conversationID: conversation, word: word, at: moment, key: "event-\(lastEvent)"))
            }
        }
        finWord[conversation] = "thinking"
        return "thinking"
    }

    /// Some of the undelivered events in any order; some twice, some never.
    mutating func takeEvents(share: Int, losing: Int) -> [Notice] {
        undelivered.shuffle(using: &random)
        var taken: [Notice] = []
        var left: [Notice] = []
        for event in undelivered {
            if chance(losing) { continue }
            if chance(share) { taken.append(event) } else { left.append(event) }
            if chance(20) { left.append(event) }
        }
        undelivered = left
        return taken
    }
}
