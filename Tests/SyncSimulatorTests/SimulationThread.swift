import Dispatch
import Testing

/// Runs a test's simulations in a thread of their own. A simulation computes for seconds and never waits; two of them in the shared pool
/// of a machine with two cores would let nothing else run there, and the servers of other tests would not answer.
struct SimulationThread: SuiteTrait, TestTrait, TestScoping {
    private static let executor = QueueExecutor()

    let isRecursive = true

    func scopeProvider(for test: Test, testCase: Test.Case?) -> Self? { testCase == nil ? nil : self }

    func provideScope(for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void) async throws {
        try await withTaskExecutorPreference(SimulationThread.executor) { try await function() }
    }

    private final class QueueExecutor: TaskExecutor {
        private let queue = DispatchQueue(label: "simulations")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
}

extension Trait where Self == SimulationThread {
    /// The test's simulations do not run in the shared pool of threads.
    static var ownThread: Self { SimulationThread() }
}
