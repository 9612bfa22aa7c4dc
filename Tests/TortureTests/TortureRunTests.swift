import Fixtures
import Foundation
import Testing
import Torture

/// `make torture` in small.
@Suite(.serialized) struct TortureRunTests {
    @Test(.timeLimit(.minutes(5)))
    func `after 15 kills at random instants everything has arrived once and in order`() async throws {
        let seed = ProcessInfo.processInfo.environment["CONVOSYNC_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 1...UInt64(UInt32.max))
        print("torture: CONVOSYNC_TEST_SEED=\(seed)")
        let directory = try TemporaryDirectory()
        let result = try await TortureRun.run(kills: 15, seed: seed, folder: directory.file("run")) { print($0) }
        let report = TortureReport(result, seed: seed)
        #expect(report.isClean, "\(report.text)")
        // The last round may kill a command beside the service.
        #expect((15...17).contains(result.history.kills.count))
        #expect(result.history.journal.states.count >= 40)
        #expect(!result.history.calls.isEmpty)
    }
}
