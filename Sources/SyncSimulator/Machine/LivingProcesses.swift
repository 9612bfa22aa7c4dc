import Synchronization

/// The numbers of the processes that run on the simulated machine.
final class LivingProcesses: Sendable {
    private let numbers = Mutex<Set<Int>>([])

    func contains(_ number: Int) -> Bool { numbers.withLock { $0.contains(number) } }

    func insert(_ number: Int) { numbers.withLock { _ = $0.insert(number) } }

    func remove(_ number: Int) { numbers.withLock { _ = $0.remove(number) } }
}
