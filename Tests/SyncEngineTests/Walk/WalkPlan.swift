import SeededRandom
import SyncCore
import SyncEngine
import SyncRemotes

/// What the seed of a walk decides before it begins: remotes, rates, frequency of faults, steps of the clock.
struct WalkPlan {
    static let agent = "a"
    static let secret = "walk-secret"

    /// The planned configuration; reloads may change it for a while.
    let remotes: [Remote]
    let settings: Engine.Settings
    let conversations: [String]
    /// Whether people at the remotes change things as well, and reports are adopted.
    let isTwoWay: Bool
    /// The length of the first phase, in which things happen.
    let length: Duration
    /// The average time between two happenings.
    let spacing: Duration
    /// The percentage of calls that fail in fair weather.
    let faultShare: Int
    /// The percentage of exchanges that fail.
    let storeFaultShare: Int
    /// The number of actions in ten thousand after which the process is killed.
    let killShare: Int
    let stepsClock: Bool
    let reloads: Bool
    /// Whether a process can tell that its predecessor has ended; otherwise it waits until the leases of that one end.
    let seesGoneProcesses: Bool
    /// The percentage of webhook calls that get lost.
    let lostHooks: Int
    let options: RemoteOptions

    /// How the simulated systems behave where their documents leave it open.
    struct RemoteOptions {
        let echoesWrites: Bool
        let envelope: Bool
        let isUndated: Bool
        let staleChanges: Int
        let laggingReads: Int
    }

    init(_ random: inout SeededGenerator) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        conversations = (0..<number(3...10)).map { "c\($0)" }
        isTwoWay = chance(65)
        length = .seconds(number(60...500))
        spacing = .milliseconds(number(200...4000))
        faultShare = chance(20) ? 0 : number(2...35)
        storeFaultShare = chance(50) ? 0 : chance(15) ? 40 : number(1...10)
        killShare = chance(40) ? 0 : chance(15) ? number(100...400) : number(5...60)
        stepsClock = chance(50)
        reloads = chance(50)
        seesGoneProcesses = chance(70)
        lostHooks = chance(30) ? 0 : number(5...40)
        options = RemoteOptions(
            echoesWrites: chance(30), envelope: chance(50), isUndated: chance(25), staleChanges: chance(30) ? number(1...3) : 0,
            laggingReads: chance(20) ? 1 : 0)
        let adoption = AdoptionPolicy(
            fields: chance(50) ? [.status] : [.status, .title, .tags],
            conflict: AdoptionPolicy.Conflict.allCases.randomElement(using: &random) ?? .newest,
            reopening: AdoptionPolicy.Reopening.allCases.randomElement(using: &random) ?? .message)
        let total = Duration.seconds(number(8...30))
        var remotes: [Remote] = []
        let omitted = chance(35) ? number(0...3) : nil
        for (index, kind) in Kinds.all.enumerated() where index != omitted {
            let fields = isTwoWay ? adoption.fields.intersection(Set(kind.adoptable)) : []
            let profile = Profile(
                name: kind.name, kind: kind,
                adoption: AdoptionPolicy(fields: fields, conflict: adoption.conflict, reopening: adoption.reopening),
                own: ["agent_id": .text(WalkPlan.agent)], aiAssignees: ["agent_fin"])
            let gate = RemoteGate.Settings(
                concurrency: number(1...6), rate: chance(30) ? RateLimit(calls: number(1...20), period: .seconds(1)) : nil,
                breaker: .init(minimumSample: number(4...20), pause: .seconds(number(2...15)), longestPause: .minutes(1)),
                probeInterval: .seconds(number(15...60)))
            let isRead = isTwoWay && kind.isReadable
            remotes.append(
                Remote(
                    profile: profile, url: "http://sandbox.example.com/\(kind.name)", credential: .file(path: "token"), isEnabled: true,
                    gate: gate,
                    limits: HTTPLimits(
                        connectTimeout: min(.seconds(5), total), firstByteTimeout: min(.seconds(number(3...15)), total),
                        readTimeout: min(.seconds(15), total), totalTimeout: total, connections: gate.concurrency),
                    classifier: OutcomeClassifier(),
                    poll: isRead ? PollSettings(interval: .seconds(number(8...40)), pages: 2, rotate: number(3...8)) : nil,
                    webhook: isTwoWay ? WebhookSettings(path: "/hooks/\(kind.name)", secret: .file(path: "secret")) : nil))
        }
        self.remotes = remotes
        settings = Engine.Settings(
            interval: .seconds(number(20...120)), debounce: .milliseconds(number(5...500)), stall: .milliseconds(number(200...10_000)),
            retry: RetryPolicy(base: .milliseconds(number(200...3000)), cap: .seconds(number(5...40)), maximumAttempts: 10_000),
            brake: .init(), retention: .init())
    }

    /// The same remotes with other limits, some of them disabled.
    func reloaded(_ random: inout SeededGenerator) -> [Remote] {
        remotes.map { remote in
            var changed = remote
            switch Int.random(in: 0..<6, using: &random) {
            case 0: changed.isEnabled = false
            case 1: changed.gate.rate = RateLimit(calls: Int.random(in: 1...10, using: &random), period: .seconds(1))
            case 2: changed.gate.concurrency = Int.random(in: 1...6, using: &random)
            case 3: if changed.poll != nil { changed.poll?.interval = .seconds(Int.random(in: 5...40, using: &random)) }
            default: break
            }
            return changed
        }
    }

    var summary: String {
        "\(remotes.map(\.name).joined(separator: ",")) \(conversations.count) conversations, \(isTwoWay ? "two-way" : "one-way"), "
            + "\(length.milliseconds / 1000) s, faults \(faultShare) %, store \(storeFaultShare) %, kills \(killShare), "
            + "clock \(stepsClock), reloads \(reloads)"
    }
}
