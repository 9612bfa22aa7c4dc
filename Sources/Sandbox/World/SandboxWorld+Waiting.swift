extension SandboxWorld {
    /// Waits until a condition on this world holds, evaluating it again after every arrival and every finished request.
    ///
    /// - Returns: whether it held before the timeout.
    package func wait(for timeout: Duration = .seconds(10), until condition: @Sendable (SandboxWorld) -> Bool) async -> Bool {
        let deadline = ContinuousClock.now.advanced(by: timeout)
        while true {
            let seen = withState { $0.changes }
            if condition(self) { return true }
            guard ContinuousClock.now < deadline, !Task.isCancelled else { return false }
            await waitForChange(after: seen, deadline: deadline)
        }
    }

    /// Returns after the next change, at the deadline, or at once if there has been a change already.
    private func waitForChange(after seen: Int, deadline: ContinuousClock.Instant) async {
        let identifier = withState { state -> Int in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let alarm = Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            self.wake(identifier)
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = withState { state -> Bool in
                    guard state.changes == seen, !Task.isCancelled, ContinuousClock.now < deadline else { return false }
                    state.waiters[identifier] = continuation
                    return true
                }
                if !isWaiting { continuation.resume() }
            }
        } onCancel: {
            wake(identifier)
        }
        alarm.cancel()
    }

    private func wake(_ identifier: Int) {
        withState { $0.waiters.removeValue(forKey: identifier) }?.resume()
    }
}
