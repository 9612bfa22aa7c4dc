import SyncCore

/// Counts the failures in a row of requested objects, and decides how long each is left alone, so that the others are read meanwhile.
///
/// | event                  | the object is left alone                                            |
/// |------------------------|---------------------------------------------------------------------|
/// | its read failed        | for 2 s, doubled with each failure, ≤ ``FailedRead/longestRest``    |
/// | it responded           | no longer; the next failure is its first                            |
///
/// Forgotten with the process: then an object that still fails is read a few times more often.
struct FailedObjects: Sendable {
    private static let firstRest = Duration.seconds(2)
    /// The most objects whose failures are counted. A further one is left alone for the longest time.
    static let limit = 1000

    private var failures: [ReadRequest: Int64] = [:]

    /// Whether the last read of the object failed as well.
    func contains(_ object: ReadRequest) -> Bool { failures[object] != nil }

    /// - Returns: how long the object is left alone.
    mutating func failed(_ object: ReadRequest) -> Duration {
        let count = failures[object] ?? 0
        guard count > 0 || failures.count < FailedObjects.limit else { return FailedRead.longestRest }
        failures[object] = count + 1
        return min(FailedObjects.firstRest * (Int64(1) << min(count, 10)), FailedRead.longestRest)
    }

    mutating func responded(_ object: ReadRequest) { failures[object] = nil }
}
