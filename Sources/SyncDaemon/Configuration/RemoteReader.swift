import SyncCore
import SyncHTTP
import SyncRemotes

/// Reads one `[remotes.NAME]` table with the tables below it.
struct RemoteReader {
    let directory: String
    let assignees: Configuration.Assignees

    func read(name: String, _ table: TableReader) -> RemoteConfiguration? {
        var table = table
        let credential = table.credential(.token, in: directory)
        let isEnabled = table.bool("enabled") ?? true
        if isEnabled, let credential { table.problems.note(NamedSource(table: table.path, kind: .token, source: credential)) }
        let url = url(&table)
        guard let kind = kind(name: name, &table) else { return nil }
        let gate = gate(&table)
        let limits = limits(&table, concurrency: gate.concurrency)
        let classifier = OutcomeClassifier(overrides: outcomes(table.table("outcomes")))
        let profile = profile(name: name, kind: kind, &table)
        let replyHold = only(.fin, kind, "reply_hold", &table) { $0.span("reply_hold") }
        let poll = poll(kind, &table)
        let webhook = webhook(name: name, kind: kind, &table)
        if isEnabled, let webhook {
            table.problems.note(NamedSource(table: "\(table.path).webhook", kind: .secret, source: webhook.secret))
        }
        table.finish()
        guard let url, let credential else { return nil }
        var remote = RemoteConfiguration(
            profile: profile, url: url, credential: credential, isEnabled: isEnabled, gate: gate, limits: limits,
            classifier: classifier)
        if let replyHold { remote.replyHold = replyHold }
        remote.poll = poll
        remote.webhook = webhook
        return remote
    }

    private func kind(name: String, _ table: inout TableReader) -> RemoteKind? {
        if table.has("kind") { return table.word("kind", as: RemoteKind.self) }
        // A remote named after its kind needs no more words.
        if let kind = RemoteKind(rawValue: name) {
            _ = table.value("kind")
            return kind
        }
        table.problems.add(table.dotted("kind"), "is missing, one of \(RemoteKind.allCases.map(\.rawValue).joined(separator: ", "))")
        return nil
    }

    private func url(_ table: inout TableReader) -> String? {
        guard let text = table.string("url") else {
            if !table.has("url") {
                table.problems.add(table.dotted("url"), "is missing: where the API is, such as \"https://api.example.com\"")
            }
            return nil
        }
        switch RemoteURL.check(text) {
        case .success(let url): return url
        case .failure(let problem):
            table.problems.add(table.dotted("url"), problem.reason)
            return nil
        }
    }

    private func gate(_ table: inout TableReader) -> RemoteGate.Settings {
        var settings = RemoteGate.Settings()
        if let concurrency = table.integer("concurrency", in: 1...256) { settings.concurrency = concurrency }
        if let text = table.string("rate"), text != "unlimited" {
            settings.rate = RateLimit(text)
            if settings.rate == nil {
                table.problems.add(table.dotted("rate"), RateLimit.problem(with: text))
            }
        }
        if let interval = table.span("probe_interval", atLeast: .seconds(1)) { settings.probeInterval = interval }
        var breaker = table.table("breaker")
        if let sample = breaker.integer("min_sample", in: 1...100_000) { settings.breaker.minimumSample = sample }
        if let share = breaker.integer("failure_percent", in: 1...100) { settings.breaker.failureShare = share }
        if let window = breaker.span("window", atLeast: .seconds(1)) { settings.breaker.window = window }
        if let pause = breaker.span("pause", atLeast: .milliseconds(10)) { settings.breaker.pause = pause }
        if let longest = breaker.span("max_pause", atLeast: .milliseconds(10)) { settings.breaker.longestPause = longest }
        if settings.breaker.longestPause < settings.breaker.pause {
            table.problems.add(breaker.dotted("max_pause"), "is shorter than pause, \(settings.breaker.pause.notation)")
        }
        breaker.finish()
        var budget = table.table("retry_budget")
        if let percent = budget.integer("percent", in: 0...1000) { settings.retryBudget.percent = percent }
        if let minimum = budget.integer("min_per_second", in: 1...10_000) { settings.retryBudget.minimumPerSecond = minimum }
        budget.finish()
        return settings
    }

    private func limits(_ table: inout TableReader, concurrency: Int) -> HTTPLimits {
        var limits = HTTPLimits(connections: concurrency)
        var timeouts = table.table("timeouts")
        if let total = timeouts.span("total", atLeast: .milliseconds(10)) { limits.totalTimeout = total }
        limits.connectTimeout = part("connect", of: limits.totalTimeout, orElse: limits.connectTimeout, &timeouts)
        limits.readTimeout = part("read", of: limits.totalTimeout, orElse: limits.readTimeout, &timeouts)
        // Silence is silence, unless the first one is said to be another.
        limits.firstByteTimeout = part("first_byte", of: limits.totalTimeout, orElse: limits.readTimeout, &timeouts)
        if limits.totalTimeout >= OutboxRow.messageWindow {
            table.problems.add(
                timeouts.dotted("total"), "has to be shorter than \(OutboxRow.messageWindow.notation), in which Fin recognises a repetition"
            )
        }
        timeouts.finish()
        if let size = table.byteSize("max_response_size") { limits.maximumResponseSize = size }
        return limits
    }

    /// A time-out within the total one. A default gives way to a short total; a key that says more than the total is a contradiction.
    private func part(_ key: String, of total: Duration, orElse standard: Duration, _ timeouts: inout TableReader) -> Duration {
        guard let span = timeouts.span(key, atLeast: .milliseconds(10)) else { return min(standard, total) }
        if span > total { timeouts.problems.add(timeouts.dotted(key), "\(span.notation) is longer than total, \(total.notation)") }
        return span
    }

    private func outcomes(_ table: TableReader) -> [Int: OutcomeClass] {
        var table = table
        var overrides: [Int: OutcomeClass] = [:]
        for outcome in [OutcomeClass.delivered, .retry, .throttled, .park, .gone, .dead] {
            for code in table.integers(outcome.rawValue) ?? [] {
                let path = table.dotted(outcome.rawValue)
                if !(300...599).contains(code) {
                    table.problems.add(path, "\(code) cannot be put into a class; allowed are status codes from 300 to 599")
                } else if let other = overrides[code] {
                    table.problems.add(path, "\(code) stands under \(other.rawValue), too")
                } else {
                    overrides[code] = outcome
                }
            }
        }
        table.finish()
        return overrides
    }
}
