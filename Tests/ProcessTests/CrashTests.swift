import Fixtures
import Foundation
import Sandbox
import Testing

/// SIGKILL at any time: nothing is lost, repetitions are recognisable, the order is kept.
@Suite(.serialized) struct CrashTests {
    private static let conversations = 200
    private static let kills = 8

    @Test func `kills under load lose nothing, repeat calls only with the same key, and keep the order`() async throws {
        let seed = ProcessInfo.processInfo.environment["CONVOSYNC_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 1...UInt64(UInt32.max))
        print("crash test: CONVOSYNC_TEST_SEED=\(seed)")
        var random = SeededGenerator(seed: seed)
        let configure: (inout ScenarioConfiguration) -> Void = {
            // A call that times out on a busy machine is repeated by the same process, which is right and not tested here.
            for remote in ScenarioConfiguration.remotes {
                $0["remotes.\(remote)", "timeouts"] = "{ connect = \"30s\", read = \"60s\", total = \"60s\" }"
            }
        }
        try await withScenario(configure) { scenario in
            try await Self.prepare(scenario)
            var startedAt: [Int] = []
            for round in 1...Self.kills {
                startedAt.append(Int(Date().timeIntervalSince1970 * 1000))
                let daemon = try scenario.start(["run", "--config", scenario.configurationPath])
                try await Self.change(scenario, round: round, using: &random)
                let reached = scenario.requestCount() + Int.random(in: 1...300, using: &random)
                // With less to do, the kill meets an idle daemon, which is a valid case as well.
                _ = await scenario.world.wait(for: .seconds(3)) { $0.summary()["recorded"]?.integer ?? 0 >= reached }
                await daemon.killAndWait()
            }
            for instance in ScenarioConfiguration.remotes { try scenario.world.setFaults([], on: instance) }
            startedAt.append(Int(Date().timeIntervalSince1970 * 1000))
            let daemon = try await scenario.startDaemon()
            #expect(try await scenario.remainingDifferences(within: .seconds(60)).prefix(5) == [])
            #expect(try await scenario.settle())
            daemon.send(SIGTERM)
            #expect(try await daemon.end().exitCode == 0)
            #expect(try await scenario.number("SELECT count(*) FROM outbox WHERE state IN ('dead', 'uncertain', 'held', 'sending')") == 0)
            let requests = scenario.world.requests()
            Self.checkRepetitions(requests, startedAt: startedAt)
            Self.checkOrder(requests)
            Self.checkOverlaps(requests)
        }
    }

    /// Conversations at all remotes; every response takes a while, so that every kill finds calls in flight.
    private static func prepare(_ scenario: ProgramScenario) async throws {
        for instance in ScenarioConfiguration.remotes {
            try scenario.world.setFaults([FaultRule(.latency, latencyMilliseconds: 25)], on: instance)
        }
        try await scenario.application.queue.write { db in
            for revision in 1...100 {
                try db.execute(
                    sql: "INSERT INTO assignees VALUES (?, 'voicebot', ?)", arguments: ["teammate \(revision)", "\(revision)"])
            }
        }
        try await scenario.addConversations(1...conversations)
    }

    /// Changes a quarter of the conversations, some of them twice, and adds messages of some users. Every change has the round's number.
    private static func change(_ scenario: ProgramScenario, round: Int, using random: inout SeededGenerator) async throws {
        let statuses = ["open", "open", "resolved", "closed", "ended"]
        for half in 0...1 {
            let revision = round * 2 + half
            let numbers = (1...conversations).shuffled(using: &random).prefix(conversations / 8)
            let picked = numbers.map { ($0, statuses.randomElement(using: &random) ?? "open", Bool.random(using: &random)) }
            try await scenario.application.queue.write { db in
                for (number, status, hasMessage) in picked {
                    // The AI's conversations stay the AI's: it never takes one from a person.
                    let assignee = number % 3 == 0 ? "agent_fin" : number % 3 == 1 ? nil : "teammate \(revision)"
                    try db.execute(
                        sql: "UPDATE conversations SET title = ?, status = ?, assignee_id = ? WHERE id = ?",
                        arguments: ["revision \(revision) of c\(number)", status, assignee, "c\(number)"])
                    guard hasMessage else { continue }
                    try db.execute(
                        sql: "INSERT INTO messages (id, conversation_id, author, body) VALUES (?, ?, 'user', ?)",
                        arguments: ["m\(revision)-\(number)", "c\(number)", "message \(revision)"])
                }
            }
        }
    }

    /// A key is repeated only after a kill, with exactly the same body, and a Fin message is stored once.
    private static func checkRepetitions(_ requests: [RequestRecord], startedAt: [Int]) {
        let byKey = Dictionary(grouping: requests, by: \.idempotencyKey)
        // Otherwise no kill met a call, and the test could not fail.
        #expect(byKey.values.contains { $0.count > 1 })
        for (key, same) in byKey {
            #expect(key != nil)
            #expect(Set(same.map(\.bodyText)).count == 1)
            for (first, second) in zip(same, same.dropFirst()) {
                // What a killed process had sent may be read after the next one was started; nobody takes the response.
                let lead = first.isAnswered ? 0 : 1000
                let isByAnother = startedAt.contains {
                    first.arrivedAt.milliseconds - lead < $0 && $0 <= second.arrivedAt.milliseconds
                }
                #expect(isByAnother, "\(first.instance) \(first.conversation ?? "") was repeated by the same process: \(first), \(second)")
            }
        }
        // The same content of a conversation at the same revision is the same row, hence the same key.
        let revised = requests.filter { $0.bodyText.contains("revision ") || $0.kind == "fin" }
        for (body, same) in Dictionary(grouping: revised, by: { "\($0.instance) \($0.path) \($0.bodyText)" }) {
            #expect(Set(same.map(\.idempotencyKey)).count == 1, "other keys for \(body)")
        }
        for message in Dictionary(grouping: requests.filter { $0.kind == "fin" }, by: \.idempotencyKey).values {
            #expect(message.filter { $0.outcome == .applied }.count == 1)
        }
    }

    /// Revisions in titles, messages and voicebot's user ids never decrease.
    private static func checkOrder(_ requests: [RequestRecord]) {
        for (place, of) in Dictionary(grouping: requests, by: { "\($0.instance) \($0.conversation ?? "")" }) {
            let revisions = of.compactMap(revision)
            #expect(revisions == revisions.sorted(), "\(place): \(revisions)")
        }
    }

    private static func revision(of request: RequestRecord) -> Int? {
        let body = request.bodyJSON
        let text = body?["title"]?.string ?? body?["conversation"]?["title"]?.string ?? body?["message"]?["body"]?.string
        return text?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? body?["user_id"]?.integer
    }

    /// Two calls about one conversation are in flight at one remote only if a kill interrupted the earlier one.
    private static func checkOverlaps(_ requests: [RequestRecord]) {
        for request in requests where request.othersInFlightSameConversation > 0 {
            let overlapped = requests.filter {
                $0.instance == request.instance && $0.conversation == request.conversation && $0.sequence < request.sequence
                    && $0.finishedAt ?? request.arrivedAt >= request.arrivedAt
            }
            #expect(overlapped.allSatisfy { !$0.isAnswered }, "\(request.instance) \(request.conversation ?? "")")
        }
    }

    @Test func `after a kill during a hanging call, the restarted daemon repeats the call with the same key at once`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.addMessage("m1", to: "c1")
            try scenario.world.setFaults([FaultRule(.hangAfter, times: 1)], on: "vg")
            try scenario.world.setFaults([FaultRule(.hangAfter, times: 1)], on: "fin")
            let first = try scenario.start(["run", "--config", scenario.configurationPath])
            _ = await scenario.world.wait(for: .seconds(30)) { world in
                ["vg", "fin"].allSatisfy { !world.requests(instance: $0).isEmpty }
            }
            await first.killAndWait()
            let restartedAt = ContinuousClock.now
            let second = try await scenario.startDaemon()
            for remote in ["vg", "fin"] {
                let requests = try await scenario.requests(remote, reach: 2)
                #expect(requests.count == 2)
                #expect(Set(requests.map(\.idempotencyKey)).count == 1)
                #expect(Set(requests.map(\.bodyText)).count == 1)
            }
            // The lease would last for minutes, but its holder is known to have ended.
            #expect(ContinuousClock.now - restartedAt < .seconds(60))
            try await second.event("outbox.recovered")
            #expect(try await scenario.remainingDifferences() == [])
        }
    }

    @Test func `a change made after the kill is sent instead of the state that was in flight`() async throws {
        try await withScenario { scenario in
            try await scenario.addConversations(1...1)
            try await scenario.sync()
            try scenario.world.setFaults([FaultRule(.hangAfter, times: 1)], on: "vg")
            try await scenario.setTitle("in flight", of: "c1")
            let daemon = try scenario.start(["run", "--config", scenario.configurationPath])
            try await scenario.request("vg", containing: "in flight")
            await daemon.killAndWait()
            // Back to the acknowledged value: only the doubt about the call in flight makes it due.
            try await scenario.setTitle("revision 0 of c1", of: "c1")
            try await scenario.sync("--drain", "60")
            #expect(try await scenario.differences() == [])
        }
    }
}
