import SandboxModel
import SyncCore
import SyncEngine
import SyncRemotes

/// What the seed of a simulation decides before it begins.
extension WorldPlan {
    init(_ random: inout SplitMix64) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let isTwoWay = chance(65)
        let settings = Engine.Settings(
            interval: .seconds(number(20...120)), debounce: .milliseconds(number(5...500)), stall: .milliseconds(number(200...10_000)),
            retry: RetryPolicy(base: .milliseconds(number(200...3000)), cap: .seconds(number(5...40)), maximumAttempts: 10_000),
            brake: .init(), retention: .init())
        self.init(
            remotes: WorldPlan.remotes(isTwoWay: isTwoWay, &random), settings: settings,
            conversations: (0..<number(3...10)).map { "c\($0)" }, isTwoWay: isTwoWay)
        length = .seconds(number(60...500))
        spacing = .milliseconds(number(200...4000))
        faultShare = chance(20) ? 0 : number(2...35)
        storeFaultShare = chance(50) ? 0 : chance(15) ? 40 : number(1...10)
        killShare = chance(40) ? 0 : chance(15) ? number(100...400) : number(5...60)
        stepsClock = chance(50)
        reloads = chance(50)
        seesGoneProcesses = chance(70)
        lostHooks = chance(30) ? 0 : number(5...40)
        vagueHooks = chance(50) ? 0 : number(5...40)
        options = RemoteOptions(&random)
        powerCuts = chance(50) ? 0 : number(10...100)
        fillsDisk = chance(25)
        locksDatabase = chance(25)
        freezes = chance(25)
        if chance(25) { applicationClock = .minutes(Int64(number(-2000...2000))) }
        deletes = chance(40)
        forgedHooks = chance(50) ? 0 : 20
        restoresBackup = chance(10)
        if chance(50) {
            isHostile = true
            conversations = conversations.map { $0 + (chance(50) ? "-\(HostileText.ofID(&random))" : "") }
            tags = ["t0", "\u{E9}", "e\u{301}"] + (0..<2).map { "t\($0 + 3)\(HostileText.draw(&random))" }
        }
        if chance(60) { slowDown(by: number(10...400)) }
        drawLimits(&random)
        drawVariety(&random)
        drawSlowRate(&random)
        if isTwoWay, chance(25) { options.otherResponses = number(2...20) }
        (contests, drills) = chance(25) ? (12, 8) : (3, 1)
    }

    /// What makes one remote differ from another one, and from what is usual.
    private mutating func drawVariety(_ random: inout SplitMix64) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        refusals = chance(35) ? number(5...40) : 0
        repetitions = chance(25) ? number(1...20) : 0
        renamesUsers = chance(25)
        if chance(12) { remotes = Array(remotes.shuffled(using: &random).prefix(number(1...2))) }
        if isTwoWay, chance(30) {
            for index in remotes.indices where remotes[index].poll != nil && chance(60) { remotes[index].webhook = nil }
        }
        if isTwoWay, chance(35) {
            remotes = remotes.map { remote in
                remote.with { $0.adoption = WorldPlan.adoption(at: remote.kind, &random) }
            }
        }
        if !isTwoWay, chance(40) {
            remotes = remotes.map { remote in
                remote.with { $0.statusMap = WorldPlan.statusMap(of: remote, &random) }
            }
        }
    }

    private static func adoption(at kind: Kind, _ random: inout SplitMix64) -> AdoptionPolicy {
        let fields: Set<AdoptionPolicy.Field> = Bool.random(using: &random) ? [.status] : [.status, .title, .tags]
        return AdoptionPolicy(
            fields: fields.intersection(Set(kind.adoptable)),
            conflict: AdoptionPolicy.Conflict.allCases.randomElement(using: &random) ?? .newest,
            reopening: AdoptionPolicy.Reopening.allCases.randomElement(using: &random) ?? .message)
    }

    /// Any value for any state, and sometimes none.
    private static func statusMap(of remote: Remote, _ random: inout SplitMix64) -> StatusMap {
        let usual = remote.profile.statusMap
        guard ["voicebot", "vg"].contains(remote.name) else { return usual }
        let cells = usual.words.map(StatusMap.Cell.word)
        return StatusMap { _ in
            Int.random(in: 0..<10, using: &random) == 0 ? .noStatement : cells.randomElement(using: &random) ?? .noStatement
        }
    }

    /// What few conversations do not reach with the values of the service.
    private mutating func drawLimits(_ random: inout SplitMix64) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        suspendsProcesses = chance(25)
        sharesObjects = chance(20)
        if chance(30) { pageSize = number(1...4) }
        if chance(20) { settings.retry.maximumAttempts = number(2...8) }
        if chance(25) {
            settings.retention.maximumRows = number(0...60)
            settings.retention.maximumAge = .minutes(Int64(number(1...120)))
        }
        if chance(15) { (settings.brake.touchMinimum, settings.brake.finishMinimum) = (number(1...3), number(0...2)) }
    }

    /// Where hours pass, a remote may take less than a call in two seconds.
    private mutating func drawSlowRate(_ random: inout SplitMix64) {
        guard pace > 1, Int.random(in: 0..<100, using: &random) < 25, let index = remotes.indices.randomElement(using: &random) else {
            return
        }
        remotes[index].gate.rate = RateLimit(calls: Int.random(in: 6...40, using: &random), period: .minutes(1))
    }

    private mutating func slowDown(by pace: Int) {
        self.pace = pace
        length = length * pace
        spacing = spacing * pace
        settings.interval = min(settings.interval * pace, .hours(1))
        settings.retry.cap = min(settings.retry.cap * pace, .minutes(30))
        for index in remotes.indices {
            remotes[index].gate.probeInterval = min(remotes[index].gate.probeInterval * pace, .minutes(10))
            remotes[index].gate.breaker.longestPause = min(remotes[index].gate.breaker.longestPause * pace, .minutes(10))
            guard let interval = remotes[index].poll?.interval else { continue }
            remotes[index].poll?.interval = min(interval * pace, .hours(2))
        }
    }

    private static func remotes(isTwoWay: Bool, _ random: inout SplitMix64) -> [Remote] {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        let adopted: Set<AdoptionPolicy.Field> = chance(50) ? [.status] : [.status, .title, .tags]
        let conflict = AdoptionPolicy.Conflict.allCases.randomElement(using: &random) ?? .newest
        let reopening = AdoptionPolicy.Reopening.allCases.randomElement(using: &random) ?? .message
        let total = Duration.seconds(number(8...30))
        let omitted = chance(35) ? number(0...3) : nil
        let isUnguarded = chance(25)
        return Kinds.all.enumerated().filter { $0.offset != omitted }.map { _, kind in
            let fields = isTwoWay ? adopted.intersection(Set(kind.adoptable)) : []
            let gate = RemoteGate.Settings(
                concurrency: number(1...6), rate: chance(30) ? RateLimit(calls: number(1...20), period: .seconds(1)) : nil,
                breaker: .init(minimumSample: number(4...20), pause: .seconds(number(2...15)), longestPause: .minutes(1)),
                probeInterval: .seconds(number(15...60)))
            let limits = HTTPLimits(
                connectTimeout: min(.seconds(5), total), firstByteTimeout: min(.seconds(number(3...15)), total),
                readTimeout: min(.seconds(15), total), totalTimeout: total, connections: gate.concurrency)
            let poll = PollSettings(interval: .seconds(number(8...40)), pages: 2, rotate: number(3...8))
            return remote(
                kind,
                RemoteSettings(
                    adoption: AdoptionPolicy(fields: fields, conflict: conflict, reopening: reopening), gate: gate, limits: limits,
                    poll: isTwoWay && kind.isReadable ? poll : nil, hasWebhook: isTwoWay, isUnguarded: isUnguarded))
        }
    }

    /// The same remotes with other limits, some of them disabled or left out.
    func reloaded(_ random: inout SplitMix64) -> [Remote] {
        remotes.compactMap { remote in
            var changed = remote
            switch Int.random(in: 0..<7, using: &random) {
            case 0: changed.isEnabled = false
            case 6: return nil
            case 1: changed.gate.rate = RateLimit(calls: Int.random(in: 1...10, using: &random), period: .seconds(1))
            case 2: changed.gate.concurrency = Int.random(in: 1...6, using: &random)
            case 3: if changed.poll != nil { changed.poll?.interval = .seconds(Int.random(in: 5...40, using: &random)) }
            default: break
            }
            return changed
        }
    }
}

extension WorldPlan.RemoteOptions {
    fileprivate init(_ random: inout SplitMix64) {
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        self.init(
            echoesWrites: chance(30), envelope: chance(50), isUndated: chance(25), staleChanges: chance(30) ? number(1...3) : 0,
            laggingReads: chance(20) ? 1 : 0, oldLists: chance(50) ? 0 : number(10...60))
        if chance(30) {
            titleForm = TitleForm(length: chance(50) ? 12 : nil, escapesAmpersands: chance(50), capitalises: chance(50))
        }
        sortsTags = chance(50)
        endedAs = chance(50) ? "completed" : nil
        hasUnmappedValues = chance(50)
    }
}
