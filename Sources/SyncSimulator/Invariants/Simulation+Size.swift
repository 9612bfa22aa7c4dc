import SyncCore
import SyncEngine

/// What the engine keeps in memory, and how long it holds the write lock.
extension Simulation {
    /// The most pages and syncs of one exchange: the application waits for the write lock no longer than these take.
    private static let mostChanges = 3000
    /// The largest page of planning that an engine may ask for.
    private static let largestPage = (entries: 500, time: Duration.milliseconds(20))
    /// The most values that an engine at rest keeps, and for each object at a remote in addition.
    private static let mostValues = (engine: 3200, object: 20)

    func expectSmallTransaction(_ changes: Int) {
        if changes > Simulation.mostChanges { fail("an exchange made \(changes) changes to the disk") }
    }

    /// - Parameter page: as the engine asks for it.
    func expectSmallPage(_ page: PlanPage) {
        if page.limit > Simulation.largestPage.entries { fail("a page of up to \(page.limit) entries is planned") }
        if page.timeLimit > Simulation.largestPage.time { fail("a page may take \(page.timeLimit.milliseconds) ms") }
    }

    /// At rest the engine has forgotten what it did.
    func expectSmallEngine() {
        guard let engine = daemon?.engine else { return fail("the daemon does not run") }
        let count = Simulation.values(in: engine)
        let most = Simulation.mostValues.engine + Simulation.mostValues.object * plan.conversations.count * plan.remotes.count
        if count > most { fail("the engine at rest keeps \(count) values") }
    }

    /// Stored properties and elements, at all levels.
    private static func values(in value: Any) -> Int {
        let children = Mirror(reflecting: value).children
        return children.isEmpty ? 1 : children.reduce(0) { $0 + values(in: $1.value) }
    }
}
