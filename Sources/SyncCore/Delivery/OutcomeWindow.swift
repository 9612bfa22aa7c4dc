/// How many calls ended, and how many of them failed, within a sliding window: a ring of buckets.
///
/// The window is accurate to a tenth of its length, and memory use does not depend on the number of calls.
package struct OutcomeWindow: Equatable, Sendable {
    private static let buckets = 10

    private struct Bucket: Equatable {
        var ends = 0
        var failures = 0
    }

    package private(set) var ends = 0
    package private(set) var failures = 0
    private let bucketLength: Duration
    private var ring = [Bucket](repeating: Bucket(), count: OutcomeWindow.buckets)
    private var present = 0
    private var presentStart: Instant

    package init(length: Duration, now: Instant) {
        bucketLength = Duration.milliseconds(max(length.milliseconds / Int64(OutcomeWindow.buckets), 1))
        presentStart = now
    }

    package mutating func count(failed: Bool, now: Instant) {
        slide(to: now)
        ring[present].ends += 1
        ends += 1
        if failed {
            ring[present].failures += 1
            failures += 1
        }
    }

    package mutating func clear(now: Instant) {
        ring = [Bucket](repeating: Bucket(), count: OutcomeWindow.buckets)
        ends = 0
        failures = 0
        presentStart = now
    }

    private mutating func slide(to now: Instant) {
        let steps = (now - presentStart).milliseconds / bucketLength.milliseconds
        guard steps > 0 else { return }
        guard steps < OutcomeWindow.buckets else { return clear(now: now) }
        for _ in 0..<steps {
            present = (present + 1) % OutcomeWindow.buckets
            ends -= ring[present].ends
            failures -= ring[present].failures
            ring[present] = Bucket()
        }
        presentStart = presentStart + bucketLength * steps
    }
}
