// Users of the sandbox also use the values of the simulated systems.
@_exported import SandboxModel
import Synchronization

/// The simulated systems of one process, their record file, and the waiters for a change, all behind one lock.
package final class SandboxWorld: Sendable {
    struct State: Sendable {
        var model: SimulatedWorld
        var changes = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let state: Mutex<State>
    let recorder: RecordFile?

    init(_ model: SimulatedWorld, recorder: RecordFile?) {
        self.recorder = recorder
        self.state = Mutex(State(model: model))
    }

    func withState<Result: Sendable, Failure: Error>(_ body: (inout State) throws(Failure) -> Result) throws(Failure) -> Result {
        try state.withLock { value throws(Failure) in try body(&value) }
    }

    /// Decides and applies a request on arrival.
    func receive(_ request: SimulatedRequest) -> Exchange {
        let now = SandboxInstant.now()
        return changeAndWake { $0.receive(request, now: now) }
    }

    /// Counts a request whose body was too large to be read.
    func refuseOversized(method: String) -> Exchange {
        withState { $0.model.refuseOversized(method: method) }
    }

    /// Records the end of a request.
    func finish(_ exchange: Exchange, isAnswered: Bool) {
        let now = SandboxInstant.now()
        let record = changeAndWake { $0.finish(exchange, isAnswered: isAnswered, now: now) }
        if let record, let recorder { recorder.append(record) }
    }

    private func changeAndWake<Result: Sendable>(_ body: (inout SimulatedWorld) -> Result) -> Result {
        let (result, waiters) = withState { state in
            let result = body(&state.model)
            state.changes += 1
            defer { state.waiters = [:] }
            return (result, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume() }
        return result
    }
}
