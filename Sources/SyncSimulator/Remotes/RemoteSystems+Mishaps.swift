import SandboxModel
import SyncCore

/// Faults of calls.
extension RemoteSystems {
    /// The fault of a call; nil: none.
    enum Mishap {
        /// The call does not arrive.
        case refused
        case fault(FaultRule)
        /// It is applied, and something in front of the remote responds with another status.
        case misreported(status: Int)
    }

    func mishap(with call: SimulatedCall, mayDate: Bool, _ random: inout SplitMix64) -> Mishap? {
        switch weather[call.remote.name] ?? .fair {
        case .fair:
            guard Int.random(in: 0..<100, using: &random) < faultShare else { return nil }
            if refusalShare > 0, Int.random(in: 0..<100, using: &random) < refusalShare { return RemoteSystems.refusal(of: call, &random) }
            return RemoteSystems.fault(mayDate: mayDate, &random)
        case .down: return .refused
        case .failing: return .fault(RemoteSystems.status(Bool.random(using: &random) ? 500 : 503))
        case .throttling: return .fault(RemoteSystems.throttled(&random))
        case .throttlingChanges: return call.isWrite ? .fault(RemoteSystems.throttled(&random)) : nil
        case .refusingChanges: return call.isWrite ? .fault(RemoteSystems.status(422)) : nil
        case .refusingTags: return call.hasTags ? .fault(RemoteSystems.status(422)) : nil
        case .hanging: return .fault(FaultRule(Bool.random(using: &random) ? .hangBefore : .hangAfter))
        case .unauthorized: return .fault(RemoteSystems.status(401))
        case .gateway: return .fault(RemoteSystems.gateway)
        case .silent: return .fault(FaultRule(.dropAfter))
        }
    }

    private static func fault(mayDate: Bool, _ random: inout SplitMix64) -> Mishap {
        switch Int.random(in: 0..<16, using: &random) {
        case 0: return .refused
        case 1: return .fault(FaultRule(.dropBefore))
        case 2, 3: return .fault(FaultRule(.dropAfter))
        case 4: return .fault(FaultRule(.hangBefore))
        case 5: return .fault(FaultRule(.hangAfter))
        case 6: return .fault(FaultRule(.latency, latencyMilliseconds: Int.random(in: 100...9000, using: &random)))
        case 7: return .fault(gateway)
        case 8:
            var rule = status(429)
            rule.retryAfterSeconds = Int.random(in: 1...5, using: &random)
            return .fault(rule)
        case 9:
            var rule = status(mayDate ? 503 : 429)
            // A date in a response is read by the service's clock, whatever that says.
            if mayDate { rule.retryAfterDateSeconds = Int.random(in: 1...5, using: &random) }
            return .fault(rule)
        case 10: return .misreported(status: 502)
        case 11: return .fault(FaultRule(.garbage))
        case 12: return .fault(FaultRule(.truncated))
        case 13: return .fault(FaultRule(.wrongType))
        default: return .fault(status([500, 502, 503, 504].randomElement(using: &random) ?? 500))
        }
    }

    private static func refusal(of call: SimulatedCall, _ random: inout SplitMix64) -> Mishap {
        switch Int.random(in: 0..<8, using: &random) {
        // The documents of voicebot and Fin know no failure inside of a success.
        case 0 where ["helpdesk", "vg"].contains(call.remote.name): return .fault(FaultRule(.errorInside))
        case 1: return .fault(FaultRule(.redirect))
        case 2: return .fault(status(403))
        // A write that is told that its object is gone would give up the link for good.
        case 3 where !call.isWrite: return .fault(status(404))
        case 4: return .fault(status([408, 425].randomElement(using: &random) ?? 408))
        default: return .fault(status([400, 405, 409, 410, 413, 422].randomElement(using: &random) ?? 400))
        }
    }

    private static func throttled(_ random: inout SplitMix64) -> FaultRule {
        var rule = status(429)
        rule.retryAfterSeconds = Bool.random(using: &random) ? 1 : nil
        return rule
    }

    private static func status(_ status: Int) -> FaultRule {
        var rule = FaultRule(.status)
        rule.status = status
        return rule
    }

    /// A gateway in front of the remote that knows no route.
    private static var gateway: FaultRule {
        var rule = status(404)
        rule.body = "<html>no such route</html>"
        return rule
    }
}
