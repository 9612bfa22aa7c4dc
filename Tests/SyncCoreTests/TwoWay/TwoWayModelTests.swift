import Foundation
import SyncCore
import Testing

/// The rule of two-way synchronisation against the executable model that it was designed with: the same state and the same event lead to
/// the same state, findings and calls. One thing is decided differently: another spelling of the agreed status is a change in the model,
/// and is not one here (``TwoWayStoryTests``).
@Suite struct TwoWayModelTests {
    private static let cases: [ModelCase] = {
        let path = ProcessInfo.processInfo.environment["TWO_WAY_CASES"] ?? Bundle.module.path(forResource: "cases", ofType: "jsonl") ?? ""
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return [] }
        return text.split(separator: "\n").compactMap { try? ModelCase($0) }
    }()

    private func cases(of operation: String) throws -> [ModelCase] {
        let cases = TwoWayModelTests.cases.filter { $0.operation == operation }
        try #require(cases.count >= 50, "the recorded cases are part of the tests")
        return cases
    }

    private func isAboutSpelling(_ step: ModelCase) -> Bool {
        let word = step.expectedLink["word"]
        guard let theirs = word.theirs.value?.stringValue, let held = word.held.value?.stringValue, theirs != held else { return false }
        return step.rules.lens.inbound.meanSame(theirs, held)
    }

    @Test func `a report leads to the same link as in the model`() throws {
        for step in try cases(of: "report") where !isAboutSpelling(step) {
            var link = step.link
            let reception = link.take(step.report, step.rules, now: step.now)
            #expect(reception.rawValue == step["o"].stringValue, "\(step.text)")
            #expect(link == step.expectedLink, "\(step.text)")
        }
    }

    @Test func `an acknowledgement leads to the same link as in the model`() throws {
        for step in try cases(of: "acknowledged") where !isAboutSpelling(step) {
            var link = step.link
            let isDoubtful = link.acknowledged(step.acknowledgement, of: step.local.numbers, step.rules, now: step.now)
            #expect(isDoubtful == step["o"].boolValue, "\(step.text)")
            #expect(link == step.expectedLink, "\(step.text)")
        }
    }

    @Test func `a lost call and a refused member lead to the same link as in the model`() throws {
        for step in try cases(of: "lost") {
            var link = step.link
            link.lost(step.sent, of: step.local.numbers)
            #expect(link == step.expectedLink, "\(step.text)")
        }
        for step in try cases(of: "refused") {
            var link = step.link
            link.refuse([step["n"].stringValue ?? ""], of: step.sent)
            // The model forgets what was in doubt.
            for name in link.fields.keys { link.fields[name]?.lost = [] }
            #expect(link == step.expectedLink, "\(step.text)")
        }
    }

    @Test func `a decision is the same as in the model`() throws {
        for step in try cases(of: "decide") {
            let decision = TwoWayDecision(step.link, step.local, step.rules, now: step.now, isConfirmed: step["cf"].boolValue ?? false)
            let findings = decision.findings.map { "\($0.kind.rawValue)/\(LocalAttribute.allCases.firstIndex(of: $0.attribute) ?? -1)" }
            #expect(findings == step.findings, "\(step.text)")
            #expect(decision.send == step.sent, "\(step.text)")
            #expect(decision.local == ModelCase.row(step["or"]), "\(step.text)")
            #expect(decision.link == step.expectedLink, "\(step.text)")
        }
    }
}
