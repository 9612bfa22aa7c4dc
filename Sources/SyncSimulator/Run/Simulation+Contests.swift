import SandboxModel
import SyncCore
import SyncStore

/// Changes by two sides whose result is known, at rest.
extension Simulation {
    func expectWinners() async throws {
        // Where a copy lags, or the past is forgotten, it is not known what has been seen when; and a message from the future comes after
        // whatever people do.
        guard plan.isTwoWay, !plan.brakes, !wasRestored, plan.options.laggingReads == 0, plan.applicationClock <= .zero else { return }
        setClockRight()
        random = SplitMix64(seed: seed)
        for number in 0..<plan.contests where checks.problems.isEmpty {
            try await decideConflicts(by: AdoptionPolicy.Conflict.allCases.randomElement(using: &random) ?? .newest)
            if let contest = try await drawContest(number) { try await hold(contest) }
        }
    }

    /// An operator edits the configuration.
    func decideConflicts(by policy: AdoptionPolicy.Conflict) async throws {
        tell("The configuration says conflict = \(policy) from now on.")
        plan.remotes = plan.remotes.map { remote in remote.with { $0.adoption.conflict = policy } }
        try await reload(isPlanned: true)
    }

    /// The dates of both sides can be compared then.
    private func setClockRight() {
        guard clock.wall != clock.truth else { return }
        let step = clock.truth - clock.wall
        tell("The clock of the machine is set right.")
        setClock(by: step)
    }

    /// How long the remote takes no changes at most, so that what people did is compared before: every object is read meanwhile.
    private func longestThrottle(of name: String) -> Duration {
        let poll = plan.remotes.first { $0.name == name }?.poll
        return .minutes(10) + (poll.map { $0.interval * (plan.conversations.count / $0.rotate + 2) } ?? .zero)
    }

    private func drawContest(_ number: Int) async throws -> Contest? {
        let linked = try await application.lines("SELECT conversation_id, remote FROM links ORDER BY 1, 2", columns: 2)
        let present = try await application.lines("SELECT id, 'helpdesk' FROM conversations ORDER BY 1", columns: 2)
        let order = Contest.Order.allCases.randomElement(using: &random) ?? .peopleOnly
        let subjects = Contest.Subject.allCases.filter { $0 != .title || plan.options.titleForm == TitleForm() }
        return (linked + present).flatMap { line in
            let (id, remote) = Simulation.parts(of: line)
            return subjects.compactMap { subject in
                plan.remotes.first { $0.name == remote }.flatMap {
                    Contest(subject, at: $0, of: id, order, number: actCount + 10 * (number + 1))
                }
            }
        }.randomElement(using: &random)
    }

    private static func parts(of line: String) -> (conversation: String, remote: String) {
        let remote = line.split(separator: "|").last.map(String.init) ?? ""
        return (String(line.dropLast(remote.count + 1)), remote)
    }

    private func hold(_ contest: Contest) async throws {
        let remote = contest.object.remote
        guard try await isReady(for: contest) else { return }
        let wasThere = contest.people["user_id"].map { remotes.state(contest.object)?["user_id"] == $0 } ?? false
        count("contests about the \(contest.subject)")
        tell("A contest begins: \(contest.text).")
        let comparisons: Int
        // voicebot's objects have no date: what people did is later only if the object was read between both changes.
        var isOrderKnown = true
        // A remote that has throttled changes is not read either, for up to a minute.
        let more: Duration = [.peopleFirst, .applicationFirst].contains(contest.order) ? .minutes(1) : .zero
        switch contest.order {
        case .peopleOnly, .oneAfterTheOther: comparisons = try peopleChange(contest)
        case .peopleFirst:
            remotes.weather[remote] = .throttlingChanges
            comparisons = try peopleChange(contest, earlier: .seconds(3))
            try await applicationChanges(contest)
        case .applicationFirst:
            remotes.weather[remote] = .throttlingChanges
            let changedAt = clock.truth
            try await applicationChanges(contest)
            try await run(until: clock.uptime + .seconds(5))
            isOrderKnown = remote != "voicebot" || (remotes.readAt[contest.object] ?? changedAt) > changedAt
            comparisons = try peopleChange(contest)
        }
        var isCompared: Bool { remotes.comparisons[contest.object] ?? 0 > comparisons }
        if remotes.weather[remote] == .throttlingChanges {
            let end = clock.uptime + longestThrottle(of: remote)
            while !isCompared, clock.uptime < end { try await run(until: clock.uptime + .seconds(1)) }
            remotes.weather[remote] = .fair
            // The change of the application was sent before anybody looked.
            if !isCompared {
                count("contests that nobody saw")
                _ = try await comeToRest(andMore: more, round: .seconds(5))
                return
            }
        }
        guard try await comeToRest(andMore: more, round: .seconds(5)) else { return }
        guard isCompared else { return fail("what people did is not compared: \(contest.text)\(told(contest.object))") }
        if contest.order == .oneAfterTheOther {
            try await applicationChanges(contest)
            guard try await comeToRest(andMore: more, round: .seconds(5)) else { return }
        }
        try await expectWinner(of: contest, isOrderKnown: isOrderKnown, wasThere: wasThere)
        try await expectAgreement()
    }

    /// Everything is as it should be before the contest.
    private func isReady(for contest: Contest) async throws -> Bool {
        let id = contest.object.conversation
        guard remotes.state(contest.object) != nil, try await mayUndo(id) else { return false }
        // What was written last has a date then.
        for change in [SQL("status = 'closed'"), contest.preparation] {
            try await application.change([id], change)
            committed()
            guard try await comeToRest(andMore: .zero, round: .seconds(5)) else { return false }
        }
        // What is there already would be no change.
        guard try await row(of: contest) == contest.rows.before, let state = remotes.state(contest.object),
            contest.people.contains(where: { $0.value != state[$0.key] ?? .null })
        else { return false }
        let unsent = try await application.number(
            "SELECT count(*) FROM outbox WHERE conversation_id = \(id) AND payload = 'message' AND state IN ('held', 'uncertain', 'dead')")
        // A person at another remote whom the row does not name has it as soon as the row names nobody.
        let waiting = try await application.number(
            """
            SELECT count(*) FROM link_state, json_each(verdicts)
            WHERE conversation_id = \(id) AND remote <> \(contest.object.remote) AND value ->> 'decision' = 'left'
            """)
        return unsent == 0 && waiting == 0
    }

    /// A contest undoes one thing. After three within ten minutes, the fourth would be held.
    /// - Returns: whether what was undone before does not count any more, after a wait.
    func mayUndo(_ id: String) async throws -> Bool {
        let undone = try await application.number(
            "SELECT count(*) FROM link_state WHERE conversation_id = \(id) AND json_array_length(record, '$.send_backs') > 1")
        guard undone > 0 else { return true }
        // Where the clock was set, it is not known how long ago that was.
        guard !plan.stepsClock else { return false }
        try await run(until: clock.uptime + TwoWayRules.standardWindow)
        return true
    }

    /// - Returns: how often what the object showed was compared before.
    private func peopleChange(_ contest: Contest, earlier: Duration = .zero) throws -> Int {
        try people(at: contest.object, contest.people, earlier: earlier)
        return remotes.comparisons[contest.object] ?? 0
    }

    private func applicationChanges(_ contest: Contest) async throws {
        let id = contest.object.conversation
        if let change = contest.change {
            tell("The application changes \(id).")
            try await application.change([id], change)
        } else {
            tell("A user writes in \(id).")
            let message = "contest\(clock.uptime.milliseconds)"
            try await application.write(message: message, RawText(Messages.body(message, "")), of: id, at: clock.truth)
        }
        committed()
    }

    private func expectWinner(of contest: Contest, isOrderKnown: Bool, wasThere: Bool) async throws {
        guard let adoption = plan.remotes.first(where: { $0.name == contest.object.remote })?.profile.adoption else { return }
        if contest.subject == .reopening { return try await expectReopening(contest, adoption.reopening) }
        let policy = adoption.conflict
        let isDated = !plan.options.isUndated && clock.wall == clock.truth && isOrderKnown
        let winner = contest.winner(policy, isDated: isDated, wasThere: wasThere)
        tell("The contest ends, conflict = \(policy): \(winner ?? "whoever") has to have won.")
        if let expected = winner, try await row(of: contest) != expected {
            let present = try await row(of: contest) ?? "no row"
            fail("\(contest.text), conflict = \(policy): '\(present)' instead of '\(expected)'\(told(contest.object))")
        }
        guard [.person, .revocation].contains(contest.subject), let state = remotes.state(contest.object) else { return }
        for (name, value) in contest.people where state[name] != value {
            fail("\(contest.text): '\(name)' is not what people chose any more\(told(contest.object))")
        }
    }

    /// A message is evidence for a reopening if it is later than the end, whatever was written before.
    private func expectReopening(_ contest: Contest, _ policy: AdoptionPolicy.Reopening) async throws {
        let mayFinOpen = plan.remotes.contains { $0.kind.receivesMessages }
        guard clock.wall == clock.truth, let isReopened = contest.isReopened(policy, mayFinOpen: mayFinOpen) else { return }
        let present = try await row(of: contest) ?? "no row"
        guard present.hasPrefix("open ") != isReopened else { return }
        fail("\(contest.text), reopen = \(policy): '\(present)'\(told(contest.object))")
    }

    private func row(of contest: Contest) async throws -> String? { try await application.lines(contest.row, columns: 1).first }
}
