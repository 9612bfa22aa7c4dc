import SyncCore

/// Reads one `[remotes.NAME]` table with the tables below it.
struct RemoteReader {
    let directory: String
    let assignees: Configuration.Assignees
    let kinds: [Kind]

    func read(name: String, _ table: TableReader) -> Remote? {
        var table = table
        let credential = table.credential(.token, in: directory)
        let isEnabled = table.bool(RemoteKeys.isEnabled.name) ?? true
        if isEnabled, let credential { table.problems.note(NamedSource(table: table.path, kind: .token, source: credential)) }
        let url = url(&table)
        guard let kind = kind(name: name, &table) else { return nil }
        let gate = gate(&table)
        let limits = limits(&table, concurrency: gate.concurrency)
        let classifier = OutcomeClassifier(overrides: outcomes(table.table("outcomes")))
        var own = own(kind, in: .remote, &table, remote: table.path)
        let poll = poll(kind, &table)
        let webhook = webhook(name: name, kind: kind, &table, &own)
        let profile = profile(name: name, kind: kind, own, &table)
        if isEnabled, let webhook {
            table.problems.note(NamedSource(table: "\(table.path).webhook", kind: .secret, source: webhook.secret))
        }
        for (key, advice) in RemoteKeys.former.sorted(by: { $0.key < $1.key }) where table.has(key) {
            _ = table.value(key)
            table.problems.add(table.dotted(key), advice)
        }
        table.finish()
        guard let url, let credential else { return nil }
        return Remote(
            profile: profile, url: url, credential: credential, isEnabled: isEnabled, gate: gate, limits: limits, classifier: classifier,
            poll: poll, webhook: webhook)
    }

    private func kind(name: String, _ table: inout TableReader) -> Kind? {
        if table.has("kind") { return table.word("kind", among: kinds.names).flatMap(kinds.named) }
        // A remote named after its kind does not need the key `kind`.
        if let kind = kinds.named(name) {
            _ = table.value("kind")
            return kind
        }
        table.problems.add(table.dotted("kind"), "is missing, one of \(kinds.names.joined(separator: ", "))")
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
        if let concurrency = table.integer(RemoteKeys.concurrency) { settings.concurrency = concurrency }
        if let text = table.string(RemoteKeys.rate.name), text != "unlimited" {
            settings.rate = RateLimit(text)
            if settings.rate == nil {
                table.problems.add(table.dotted(RemoteKeys.rate.name), RateLimit.problem(with: text))
            }
        }
        if let interval = table.span(RemoteKeys.probeInterval) { settings.probeInterval = interval }
        var breaker = table.table("breaker")
        if let sample = breaker.integer(RemoteKeys.breakerSample) { settings.breaker.minimumSample = sample }
        if let share = breaker.integer(RemoteKeys.breakerShare) { settings.breaker.failureShare = share }
        if let window = breaker.span(RemoteKeys.breakerWindow) { settings.breaker.window = window }
        if let pause = breaker.span(RemoteKeys.breakerPause) { settings.breaker.pause = pause }
        if let longest = breaker.span(RemoteKeys.breakerLongestPause) { settings.breaker.longestPause = longest }
        if settings.breaker.longestPause < settings.breaker.pause {
            table.problems.add(breaker.dotted("max_pause"), "is shorter than pause, \(settings.breaker.pause.notation)")
        }
        breaker.finish()
        return settings
    }

    private func limits(_ table: inout TableReader, concurrency: Int) -> HTTPLimits {
        var limits = HTTPLimits(connections: concurrency)
        var timeouts = table.table("timeouts")
        if let total = timeouts.span(RemoteKeys.totalTimeout) { limits.totalTimeout = total }
        limits.connectTimeout = part(RemoteKeys.connectTimeout, of: limits.totalTimeout, orElse: limits.connectTimeout, &timeouts)
        limits.readTimeout = part(RemoteKeys.readTimeout, of: limits.totalTimeout, orElse: limits.readTimeout, &timeouts)
        // The limit for the first byte is that for further ones, unless it is given.
        limits.firstByteTimeout = part(RemoteKeys.firstByteTimeout, of: limits.totalTimeout, orElse: limits.readTimeout, &timeouts)
        if limits.totalTimeout >= OutboxRow.messageWindow {
            let receivers = kinds.filter(\.receivesMessages).map(\.product).joined(separator: " or ")
            table.problems.add(
                timeouts.dotted("total"),
                "has to be shorter than \(OutboxRow.messageWindow.notation), in which \(receivers) recognises a repetition")
        }
        timeouts.finish()
        if let size = table.byteSize(RemoteKeys.responseSize.name) { limits.maximumResponseSize = size }
        return limits
    }

    /// A timeout within the total one. A default is limited to a shorter total; a key that exceeds the total is a problem.
    private func part(_ key: ConfigurationKey, of total: Duration, orElse standard: Duration, _ timeouts: inout TableReader) -> Duration {
        guard let span = timeouts.span(key) else { return min(standard, total) }
        if span > total { timeouts.problems.add(timeouts.dotted(key.leaf), "\(span.notation) is longer than total, \(total.notation)") }
        return span
    }

    /// The outcomes that a status code can be assigned to.
    static let configurableOutcomes: [OutcomeClass] = [.delivered, .retry, .throttled, .park, .gone, .dead]

    private func outcomes(_ table: TableReader) -> [Int: OutcomeClass] {
        var table = table
        var overrides: [Int: OutcomeClass] = [:]
        for outcome in RemoteReader.configurableOutcomes {
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
