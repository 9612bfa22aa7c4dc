import SyncCore
import Synchronization

/// Waits for lanes, but never for one that gets nowhere.
enum LaneBarrier {
    /// Returns when all lanes have tried what was due, or when ``RunPatience`` is at its end.
    static func wait(for lanes: [Lane], stall: Duration, now: @escaping @Sendable () -> Instant) async {
        let startedAt = now()
        await first({ for lane in lanes { await lane.waitUntilTried() } }) { isOver in
            var patience = RunPatience(stall: stall, now: startedAt)
            while !isOver() {
                for lane in lanes where await lane.isBusy { patience.progressed(at: await lane.lastProgress) }
                let moment = now()
                guard case .wait(let until) = patience.verdict(now: moment) else { return }
                try? await Task.sleep(for: .milliseconds(min((until - moment).milliseconds, 1000)))
            }
        }
    }

    /// Returns when all lanes are idle, or after `limit`.
    static func wait(for lanes: [Lane], limit: Duration, now: @escaping @Sendable () -> Instant) async {
        let deadline = now() + limit
        await first({ for lane in lanes { await lane.waitUntilIdle() } }) { isOver in
            while !isOver(), now() < deadline {
                try? await Task.sleep(for: .milliseconds(min(max((deadline - now()).milliseconds, 1), 200)))
            }
        }
    }

    /// The one or the other, whichever comes first. The one that loses ends by itself.
    private static func first(
        _ wanted: @escaping @Sendable () async -> Void,
        _ condition: @escaping @Sendable (_ isOver: @escaping @Sendable () -> Bool) async -> Void
    ) async {
        let once = Once()
        await withCheckedContinuation { continuation in
            once.arm(continuation)
            Task {
                await wanted()
                once.resume()
            }
            Task {
                await condition { once.isOver }
                once.resume()
            }
        }
    }

    /// Resumes a continuation exactly once.
    private final class Once: Sendable {
        private let state = Mutex<(continuation: CheckedContinuation<Void, Never>?, isOver: Bool)>((nil, false))

        var isOver: Bool { state.withLock { $0.isOver } }

        func arm(_ continuation: CheckedContinuation<Void, Never>) {
            state.withLock { $0.continuation = continuation }
        }

        func resume() {
            let continuation = state.withLock { state in
                state.isOver = true
                defer { state.continuation = nil }
                return state.continuation
            }
            continuation?.resume()
        }
    }
}
