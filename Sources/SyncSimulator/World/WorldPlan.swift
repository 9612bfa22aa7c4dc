import SandboxModel
import SyncCore
import SyncEngine
import SyncRemotes

/// What is decided before a simulation begins: remotes, rates, shares of faults, steps of the clock. Without more being said, nothing happens and
/// nothing goes wrong; ``init(_:)`` draws everything from a seed.
struct WorldPlan {
    static let agent = "a"
    static let secret = "simulated-secret"
    /// The assignee whom the AI is, and who is known at voicebot, with the id there.
    static let ai = "agent_fin"
    static let known = (assignee: "jane", id: 7)

    /// The planned configuration; reloads may change it for a while.
    var remotes: [Remote]
    var settings: Engine.Settings
    var conversations: [String]
    /// Whether people at the remotes change things as well, and reports are adopted.
    var isTwoWay = true
    /// The length of the first phase, in which things happen.
    var length = Duration.zero
    /// The average time between two happenings.
    var spacing = Duration.seconds(1)
    /// By how much everything but calls and processes is slower than in a busy hour: a world of minutes becomes one of days.
    var pace = 1
    /// The percentage of calls that fail in fair weather.
    var faultShare = 0
    /// The percentage of exchanges that fail.
    var storeFaultShare = 0
    /// The number of actions in ten thousand after which the process is killed.
    var killShare = 0
    /// How many of a hundred kills cut the power of the machine.
    var powerCuts = 0
    var fillsDisk = false
    /// Whether the application leaves transactions open.
    var locksDatabase = false
    var stepsClock = false
    /// Whether titles, tags, messages, names and ids contain what programs get wrong.
    var isHostile = false
    /// The tags that the application uses.
    var tags = (0..<5).map { "t\($0)" }
    /// How many of a hundred webhook calls are followed by one that somebody has forged.
    var forgedHooks = 0
    /// Whether a backup of the database is put in place while the world goes on.
    var restoresBackup = false
    /// Whether the machine stands still at times.
    var freezes = false
    /// By how much the clock of the application deviates.
    var applicationClock = Duration.zero
    /// Whether the application deletes conversations and merges them.
    var deletes = false
    var reloads = false
    /// Whether single processes get no time for a while, longer than their claims last.
    var suspendsProcesses = false
    /// Whether the application links two conversations to one object.
    var sharesObjects = false
    /// The largest number of entries of the feed that one transaction plans.
    var pageSize = 500
    /// Whether a process can tell that its predecessor has ended; otherwise it waits until the leases of that one end.
    var seesGoneProcesses = true
    /// How many of a hundred calls that go wrong are refused: the remote takes that call never, or not from us, or says so inside a success.
    var refusals = 0
    /// How many of a hundred calls with a state arrive twice, because something on the way repeats them.
    var repetitions = 0
    /// Whether users change their names.
    var renamesUsers = false
    /// How many of a hundred webhook calls get lost on the way, and how many do not say what changed.
    var lostHooks = 0
    var vagueHooks = 0
    var options = RemoteOptions()
    /// How many contests are held at rest, and how many drills.
    var contests = 3
    var drills = 0

    /// How the simulated systems behave where their documents leave it open.
    struct RemoteOptions {
        var echoesWrites = false
        var envelope = false
        var isUndated = false
        var staleChanges = 0
        var laggingReads = 0
        /// How many of a hundred reads of a list show what an earlier one has shown: there is a cache in front of the remote.
        var oldLists = 0
        /// What the helpdesk and vg make of the titles that they are sent.
        var titleForm = TitleForm()
        /// The helpdesk keeps tags in an order of its own.
        var sortsTags = false
        /// What vg calls the end, whatever it was sent.
        var endedAs: String?
        /// Whether people use status values that have no meaning here.
        var hasUnmappedValues = false
        /// How many of a hundred responses of Fin to a message name another status than usual.
        var otherResponses = 0
    }

    /// What is drawn for one remote.
    struct RemoteSettings {
        var adoption: AdoptionPolicy
        var gate: RemoteGate.Settings
        var limits: HTTPLimits
        var poll: PollSettings?
        var hasWebhook = false
        /// vg: the AI gets a conversation whoever has it there (`never_over` is empty).
        var isUnguarded = false
    }

    /// Whether the brake holds what a few conversations change.
    var brakes: Bool { settings.brake != Brake.Settings() }

    /// Whether entries are deleted before anybody looks at the end.
    var forgets: Bool { settings.retention != Retention.Settings() }

    /// Whether remotes are sent other status values than usual.
    var isMapped: Bool { remotes.contains { $0.hasDrawnMap } }

    static func remote(_ kind: Kind, _ settings: RemoteSettings) -> Remote {
        var profile = Profile(
            name: kind.name, kind: kind, adoption: settings.adoption, own: ["agent_id": .text(WorldPlan.agent)], aiAssignees: [WorldPlan.ai]
        )
        if settings.isUnguarded { profile.statusMap.neverOver = [:] }
        return Remote(
            profile: profile, url: "http://sandbox.example.com/\(kind.name)", credential: .file(path: "token"), isEnabled: true,
            gate: settings.gate, limits: settings.limits, classifier: OutcomeClassifier(), poll: settings.poll,
            webhook: settings.hasWebhook ? WebhookSettings(path: "/hooks/\(kind.name)", secret: .file(path: "secret")) : nil)
    }

    var summary: String {
        "\(remotes.map(\.name).joined(separator: ",")) \(conversations.count) conversations, \(isTwoWay ? "two-way" : "one-way"), "
            + "\(length.milliseconds / 1000) s, pace \(pace), faults \(faultShare) %, store \(storeFaultShare) %, kills \(killShare), "
            + "power cuts \(powerCuts) %, full disk \(fillsDisk), locks \(locksDatabase), clock \(stepsClock), freezes \(freezes), deletes \(deletes), hostile \(isHostile), backup \(restoresBackup), reloads \(reloads), "
            + "suspends \(suspendsProcesses), shares \(sharesObjects), pages of \(pageSize), brake \(brakes), "
            + "attempts \(settings.retry.maximumAttempts), kept rows \(settings.retention.maximumRows), refusals \(refusals) %, "
            + "repetitions \(repetitions) %, renames \(renamesUsers), mapped \(isMapped), without webhooks "
            + "\(remotes.count { $0.webhook == nil }), contests \(contests), drills \(drills)"
    }
}

extension Remote {
    /// Whether the values that it is sent were drawn.
    var hasDrawnMap: Bool {
        var usual = profile.kind.vocabulary.outbound
        usual.neverOver = profile.statusMap.neverOver
        return profile.statusMap != usual
    }

    /// The same remote with another profile.
    func with(_ change: (inout Profile) -> Void) -> Remote {
        var profile = profile
        change(&profile)
        return Remote(
            profile: profile, url: url, credential: credential, isEnabled: isEnabled, gate: gate, limits: limits, classifier: classifier,
            poll: poll, webhook: webhook)
    }
}
