/// Holds back a run that would change unusually many conversations until a person has checked it: an emptied table, a wrong mapping or a
/// restored old backup would otherwise close every conversation at every remote.
///
/// Two rules, each a number **and** a share of all conversations; the run is held when it exceeds one of them:
///
/// | rule     | counts conversations                                                                            |
/// |----------|-------------------------------------------------------------------------------------------------|
/// | `finish` | for which a remote's status value for "not finished" would be replaced by one for "finished"    |
/// | `touch`  | for which a remote would be sent something other than what it has                               |
///
/// Values sent to a remote for the first time (a new database, remote or link) count for neither: they replace nothing at the remote.
/// Values that the remote was sent before count even if nothing is known about them any more (emptied tables).
///
/// | state    | event                                  | next                                                        |
/// |----------|----------------------------------------|-------------------------------------------------------------|
/// | open     | counted: few entries wait              | open; that many entries may be planned                      |
/// | open     | counted: enough to exceed a rule       | has to be surveyed                                          |
/// | open     | surveyed, within both rules            | open; as many entries may be planned as were surveyed       |
/// | open     | surveyed, beyond a rule                | engaged, until the end of the run                           |
/// | open     | planned more than was surveyed, beyond a rule | engaged, until the end of the run                    |
///
/// Invariant: no more entries of the feed are planned than were counted or surveyed before, so a mass change that arrives during a run is
/// checked by the brake as well.
///
/// Remotes that are pushed last are counted separately from the others: both are sent the same conversations.
package struct Brake: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        package var isEnabled = true
        /// 100 disables the rule: no run can exceed it.
        package var touchPercent = 50
        package var touchMinimum = 5000
        package var finishPercent = 25
        package var finishMinimum = 500

        package init() {}
    }

    /// How many conversations a planning step would affect.
    package struct Reach: Equatable, Sendable {
        package var touched: Int
        package var finished: Int

        package init(touched: Int = 0, finished: Int = 0) {
            self.touched = touched
            self.finished = finished
        }

        package static func + (left: Reach, right: Reach) -> Reach {
            Reach(touched: left.touched + right.touched, finished: left.finished + right.finished)
        }
    }

    package enum Rule: String, Equatable, Sendable {
        case touch, finish
    }

    /// How many conversations a planning step would affect at which remotes. A conversation that is sent to both groups of remotes counts
    /// once in each, so the two are never added.
    package struct Reaches: Equatable, Sendable {
        package var pushedLast: Reach
        package var others: Reach
        /// At any remote; each conversation once. Only a survey determines it.
        package var any: Reach

        package init(pushedLast: Reach = .init(), others: Reach = .init(), any: Reach = .init()) {
            self.pushedLast = pushedLast
            self.others = others
            self.any = any
        }

        package static func + (left: Reaches, right: Reaches) -> Reaches {
            Reaches(
                pushedLast: left.pushedLast + right.pushedLast, others: left.others + right.others, any: left.any + right.any)
        }

        /// The largest of the three; each of them counts a conversation once.
        package var largest: Reach {
            Reach(
                touched: max(pushedLast.touched, others.touched, any.touched),
                finished: max(pushedLast.finished, others.finished, any.finished))
        }
    }

    /// Why the brake engaged.
    package struct Engagement: Equatable, Sendable {
        package var rule: Rule
        package var reach: Reach
        /// The number of all conversations.
        package var conversations: Int

        package init(rule: Rule, reach: Reach, conversations: Int) {
            self.rule = rule
            self.reach = reach
            self.conversations = conversations
        }

        /// "finish 812 and touch 900 of 1000 conversations".
        package var summary: String {
            "finish \(reach.finished) and touch \(reach.touched) of \(conversations) conversations"
        }

        /// How rows are written while the brake is engaged.
        package var hold: Hold { Hold(.brake, reason: "held by the brake: its run would \(summary)") }
    }

    package let settings: Settings
    package private(set) var engagement: Engagement?
    /// Entries of the feed that may be planned before the next count.
    package private(set) var allowance = 0
    /// What was planned since the run began, and what the last survey predicted.
    private var passed = Reaches()
    private var forecast = Reaches()
    private var conversations = 0

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package var isEngaged: Bool { engagement != nil }

    /// Whether the feed has to be counted before more of it is planned.
    package var needsCount: Bool { settings.isEnabled && !isEngaged && allowance == 0 }

    /// Waiting entries are counted up to this number only.
    package var countLimit: Int { max(settings.touchMinimum, settings.finishMinimum) + 1 }

    /// - Parameter waiting: entries on the feed, counted up to ``countLimit``.
    /// - Returns: whether a survey is needed to decide.
    package mutating func counted(waiting: Int) -> Bool {
        // What has passed is decided, however much it was.
        guard settings.isEnabled, !isEngaged, waiting > 0 else { return false }
        // Every entry affects at most one conversation.
        let passed = passed.largest
        let couldTouch = settings.touchPercent < 100 && passed.touched + waiting > settings.touchMinimum
        let couldFinish = settings.finishPercent < 100 && passed.finished + waiting > settings.finishMinimum
        guard couldTouch || couldFinish else {
            allowance = waiting
            return false
        }
        return true
    }

    /// Records what all waiting entries together would do.
    /// - Parameter conversations: the number of conversations that have not been deleted.
    package mutating func survey(_ reaches: Reaches, entries: Int, conversations: Int) -> Engagement? {
        precondition(!isEngaged, "an engaged brake needs no survey")
        allowance = entries
        forecast = Reaches(
            pushedLast: passed.pushedLast + reaches.pushedLast, others: passed.others + reaches.others, any: reaches.any)
        self.conversations = conversations
        engagement = judge(forecast.largest, of: conversations)
        return engagement
    }

    /// Entries were planned that had been counted or surveyed. `reaches.any` is not used.
    package mutating func planned(entries: Int, _ reaches: Reaches) -> Engagement? {
        allowance = max(allowance - entries, 0)
        passed = passed + Reaches(pushedLast: reaches.pushedLast, others: reaches.others)
        guard !isEngaged, conversations > 0, exceedsForecast else { return nil }
        engagement = judge(passed.largest, of: conversations)
        return engagement
    }

    private var exceedsForecast: Bool {
        [(passed.pushedLast, forecast.pushedLast), (passed.others, forecast.others)].contains { passed, forecast in
            passed.touched > forecast.touched || passed.finished > forecast.finished
        }
    }

    /// Applies the rules to a reach, independently of earlier events.
    package func judge(_ reach: Reach, of conversations: Int) -> Engagement? {
        guard settings.isEnabled else { return nil }
        func exceeds(_ count: Int, _ minimum: Int, _ percent: Int) -> Bool {
            count > minimum && count * 100 > conversations * percent && percent < 100
        }
        if exceeds(reach.finished, settings.finishMinimum, settings.finishPercent) {
            return Engagement(rule: .finish, reach: reach, conversations: conversations)
        }
        if exceeds(reach.touched, settings.touchMinimum, settings.touchPercent) {
            return Engagement(rule: .touch, reach: reach, conversations: conversations)
        }
        return nil
    }
}
