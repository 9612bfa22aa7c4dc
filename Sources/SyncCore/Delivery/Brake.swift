/// Keeps a run that reaches unusually far from going out before somebody has looked at it: an emptied table, a wrong mapping, a
/// restored old backup would otherwise close every conversation everywhere.
///
/// Two rules, each a number **and** a share of all conversations; the run is held when one of them is exceeded:
///
/// | rule     | counts conversations                                                                            |
/// |----------|-------------------------------------------------------------------------------------------------|
/// | `finish` | of which a remote's word for "not finished" would become one for "finished"                     |
/// | `touch`  | of which a remote would be told something else than it knows                                    |
///
/// What a remote is told for the first time (a new database, remote or link) counts for neither: nothing over there is replaced by
/// it. What the remote was told before although nothing is known about it any more (emptied tables) does count.
///
/// | state    | event                                  | next                                                        |
/// |----------|----------------------------------------|-------------------------------------------------------------|
/// | open     | looked: few entries wait               | open; as many entries may be planned                        |
/// | open     | looked: enough to exceed a rule        | has to be surveyed                                          |
/// | open     | surveyed, within both rules            | open; as many entries may be planned as were surveyed       |
/// | open     | surveyed, beyond a rule                | engaged, until the end of the run                           |
/// | open     | planned more than was surveyed, beyond a rule | engaged, until the end of the run                    |
///
/// Invariant: no more entries of the feed are planned than were looked at or surveyed before; so a mass change that comes while a
/// run is under way meets the brake as well.
package struct Brake: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        package var isEnabled = true
        /// 100 switches the rule off: no run can exceed it.
        package var touchPercent = 50
        package var touchMinimum = 5000
        package var finishPercent = 25
        package var finishMinimum = 500

        package init() {}
    }

    /// How many conversations a piece of planning would reach.
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

    /// Why the brake engaged.
    package struct Engagement: Equatable, Sendable {
        package var rule: Rule
        package var reach: Reach
        /// All conversations there are.
        package var conversations: Int
    }

    package let settings: Settings
    package private(set) var engagement: Engagement?
    /// Entries of the feed that may be planned before the next look.
    package private(set) var allowance = 0
    /// What was planned since the stage began, and what the last survey said would be.
    private var passed = Reach()
    private var forecast = Reach()
    private var conversations = 0

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package var isEngaged: Bool { engagement != nil }

    /// Whether the feed has to be looked at before more of it is planned.
    package var needsLook: Bool { settings.isEnabled && !isEngaged && allowance == 0 }

    /// How many waiting entries are of interest; more need not be counted.
    package var countLimit: Int { max(settings.touchMinimum, settings.finishMinimum) + 1 }

    /// Conversations that were counted in one stage of a run (linked remotes, helpdesk) are not added to those of the other.
    package mutating func beginStage() {
        passed = Reach()
    }

    /// - Parameter waiting: entries on the feed, counted up to ``countLimit``.
    /// - Returns: whether it takes a survey to tell.
    package mutating func look(waiting: Int) -> Bool {
        guard settings.isEnabled, !isEngaged else { return false }
        // Every entry reaches one conversation at most.
        let couldTouch = settings.touchPercent < 100 && passed.touched + waiting > settings.touchMinimum
        let couldFinish = settings.finishPercent < 100 && passed.finished + waiting > settings.finishMinimum
        guard couldTouch || couldFinish else {
            allowance = waiting
            return false
        }
        return true
    }

    /// Takes in what all waiting entries together would do.
    /// - Parameter conversations: all there are, as far as they have not been deleted.
    package mutating func survey(_ reach: Reach, entries: Int, conversations: Int) -> Engagement? {
        precondition(!isEngaged, "an engaged brake needs no survey")
        allowance = entries
        forecast = passed + reach
        self.conversations = conversations
        engagement = judge(forecast, of: conversations)
        return engagement
    }

    /// Entries were planned that were looked at or surveyed.
    package mutating func planned(entries: Int, _ reach: Reach) -> Engagement? {
        allowance = max(allowance - entries, 0)
        passed = passed + reach
        guard !isEngaged, conversations > 0, passed.touched > forecast.touched || passed.finished > forecast.finished else { return nil }
        engagement = judge(passed, of: conversations)
        return engagement
    }

    /// What the rules say to a reach, whatever happened before.
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
