import NIOCore
import Synchronization

/// Everything that the sandbox remembers: the instances, the request record and who waits for a change. One lock around all of it.
///
/// A decision is made in one critical section on arrival: the order of sequence numbers is the order in which the systems applied
/// the requests.
package final class SandboxWorld: Sendable {
    /// A client can create instances by naming them; this bounds how many.
    static let maximumInstances = 64

    struct State: Sendable {
        var instances: [String: RemoteInstance] = [:]
        var journal: RequestJournal
        var actCount = 0
        var unrouted = 0
        var lastUnroutedPath: String?
        var oversized = 0
        var changes = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let token: String
    private let seed: UInt64
    private let state: Mutex<State>
    let recorder: RecordFile?

    init(token: String, recordLimit: Int, seed: UInt64, recorder: RecordFile?) {
        self.token = token
        self.seed = seed
        self.recorder = recorder
        self.state = Mutex(State(journal: RequestJournal(limit: recordLimit)))
    }

    func withState<Result: Sendable, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
        try state.withLock { value throws(Failure) in try body(&value) }
    }

    /// Makes sure that an instance exists; false when the name stands for none or there are too many.
    func prepare(_ name: String, in state: inout State) -> Bool {
        if state.instances[name] != nil { return true }
        guard let (kind, canonical) = RemoteKind.resolve(name), canonical == name, state.instances.count < Self.maximumInstances else {
            return false
        }
        state.instances[name] = RemoteInstance(name: name, kind: kind, token: token, seed: instanceSeed(name))
        return true
    }

    /// The same draws for the same sandbox seed and instance name, whatever the order in which instances are created.
    func instanceSeed(_ name: String) -> UInt64 {
        name.utf8.reduce(seed &+ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }

    /// Judges a request on arrival and applies it; nil when there can be no such instance.
    func begin(_ call: RemoteCall, instance name: String) -> Exchange? {
        let (exchange, waiters) = withState { state -> (Exchange?, [CheckedContinuation<Void, Never>]) in
            guard prepare(name, in: &state) else { return (nil, []) }
            return (Self.decide(call, instance: name, in: &state), Self.takeWaiters(&state))
        }
        for waiter in waiters { waiter.resume() }
        return exchange
    }

    private static func decide(_ call: RemoteCall, instance name: String, in state: inout State) -> Exchange? {
        let sequence = state.journal.nextSequence()
        guard let record = state.instances[name]?.receive(call, sequence: sequence) else { return nil }
        state.journal.append(record.makeRecord(call, keptBody: state.journal.keep(call.bodyBytes)))
        return record.exchange
    }

    /// Notes that a request is over.
    func finish(_ exchange: Exchange, isAnswered: Bool) {
        let now = SandboxInstant.now()
        let (record, waiters) = withState { state -> (RequestRecord?, [CheckedContinuation<Void, Never>]) in
            state.instances[exchange.instance]?.tally.finish(exchange.conversation, isAnswered: isAnswered)
            let record = state.journal.finish(exchange.sequence, at: now, isAnswered: isAnswered)
            return (record, Self.takeWaiters(&state))
        }
        if let record, let recorder { recorder.append(record) }
        for waiter in waiters { waiter.resume() }
    }

    /// Counts a request whose path names no instance: a client with a wrong url.
    func noteUnrouted(path: String) {
        withState { state in
            state.unrouted += 1
            state.lastUnroutedPath = String(path.prefix(200))
        }
    }

    /// Counts a request whose body was too large to be read.
    func noteOversized() {
        withState { $0.oversized += 1 }
    }

    private static func takeWaiters(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        state.changes += 1
        guard !state.waiters.isEmpty else { return [] }
        let waiters = Array(state.waiters.values)
        state.waiters = [:]
        return waiters
    }
}
