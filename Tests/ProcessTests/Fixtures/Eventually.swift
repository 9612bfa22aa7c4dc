import Fixtures

/// Checks a condition again and again until it holds; false when the time is over first. For what nobody reports: the contents of a database
/// or of /proc.
func eventually(_ timeout: Duration = patience, _ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + timeout
    while true {
        if try await condition() { return true }
        guard ContinuousClock.now < deadline else { return false }
        try await Task.sleep(for: .milliseconds(10))
    }
}
