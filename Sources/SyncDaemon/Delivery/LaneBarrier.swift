import SyncCore
import Synchronization

/// Waits for lanes, but never for one that gets nowhere.
enum LaneBarrier {
    /// Returns when all lanes have tried what was due, or when no call was acknowledged for the length of `stall`.
    ///
    /// Lanes that make progress are waited for at most six stalls: a slow remote, too, must not hold up the run.
    static func wait(for lanes: [Lane], stall: Span, now: @escaping @Sendable () -> Instant) async {
        let startedAt = now()
        await first({ for lane in lanes { await lane.waitUntilTried() } }) { isOver in
            while !isOver() {
                var latest = startedAt
                for lane in lanes where await lane.isBusy { latest = max(latest, await lane.lastProgress) }
                let moment = now()
                let deadline = min(latest + stall, startedAt + stall * 6)
                if moment >= deadline { return }
                try? await Task.sleep(for: .milliseconds(min((deadline - moment).milliseconds, 1000)))
            }
        }
    }

    /// Returns when all lanes are idle, or after `limit`.
    static func wait(for lanes: [Lane], limit: Span, now: @escaping @Sendable () -> Instant) async {
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
