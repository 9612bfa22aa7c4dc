import NIOCore
import SyncCore
import SyncEngine
import SyncHTTP
import SyncStore

/// Owns the engine, which runs on one event loop together with the connections of all remotes, so that a call needs no change of threads. All methods
/// can be called from any thread.
package final class EngineOwner: Sendable {
    /// How long a stop may take beyond the limit for calls, whether or not their outcomes are stored: the engine itself stops a second earlier.
    private static let recordingTime = Duration.seconds(6)

    private let parts: Parts
    private let credentials: Credentials
    private let tokens: TokenWatch
    private let core: NIOLoopBoundBox<EngineLoop>
    /// The number of rows that an ended process had left claimed.
    private let recovered: Int

    /// Registers the process and the remotes in the store and creates the engine, which does nothing before its first event.
    /// - Throws: a ``ConfigurationError`` for credentials that cannot be read, `StoreError` for the database.
    package static func start(_ configuration: Configuration, _ parts: Parts) async throws -> EngineOwner {
        // Read first, so that nothing has to be undone if one is missing.
        let credentials = Credentials(try configuration.readCredentials(.token))
        let parties = configuration.parties
        let (stored, recovered) = try await enter(parties, in: parts)
        let owner = EngineOwner(configuration, parts, credentials, parties, stored, recovered: recovered)
        owner.watchTokens(of: configuration)
        return owner
    }

    private static func enter(
        _ parties: Parties, in parts: Parts, except ownRows: Set<Int64> = []
    ) async throws(StoreError) -> (stored: Engine.StoredState, recovered: Int) {
        let start = try await parts.store.start(.current(), for: parties, except: ownRows, parts.now())
        return (Engine.StoredState(processID: start.processID, remotes: start.remotes), start.recovered)
    }

    private init(
        _ configuration: Configuration, _ parts: Parts, _ credentials: Credentials, _ parties: Parties, _ stored: Engine.StoredState,
        recovered: Int
    ) {
        self.parts = parts
        self.recovered = recovered
        self.credentials = credentials
        let tokens = TokenWatch()
        self.tokens = tokens
        let remotes = configuration.enabledRemotes
        let calls = Calls(on: parts.loop, credentials, parts.makeTransport)
        calls.configure(remotes)
        core = .makeBoxSendingValue(
            EngineLoop(
                Engine(remotes, configuration.engineSettings, stored: stored, seed: parts.seed, now: parts.now()), on: parts.loop,
                reporter: EngineReporter(
                    log: parts.log, tally: parts.tally, repeats: configuration.log.repeats, now: { parts.now().wall }),
                calls: calls, queue: StoreQueue(parts.store, on: parts.loop, for: parties), now: parts.now
            ) { report in
                parts.onChange()
                if case .runBegan = report { tokens.check() }
            }, eventLoop: parts.loop)
    }

    private func watchTokens(of configuration: Configuration) {
        tokens.watch(configuration.enabledRemotes, credentials, log: parts.log) { [weak self] names in
            for name in names { self?.post(.credentialReplaced(name)) }
        }
    }

    private func onLoop(_ work: @escaping @Sendable (EngineLoop) -> Void) {
        parts.loop.execute { [core] in work(core.value) }
    }

    /// - Parameter request: calls its second argument with the result on the loop, once.
    private func ask<Value: Sendable>(
        _ request: @escaping @Sendable (EngineLoop, @escaping (Value) -> Void) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in onLoop { request($0) { continuation.resume(returning: $0) } } }
    }

    /// Reports what was recovered at the start. Call it once, before the first event.
    package func begin() {
        onLoop { [recovered] in $0.report(.recovered(recovered)) }
    }

    package func post(_ event: Engine.Event) {
        onLoop { $0.post(event) }
    }

    /// Returns when the events are stored.
    /// - Returns: how many of them were new. If several calls were stored with one commit, each new event is counted once.
    package func receive(_ notices: [Notice], from remote: String) async throws(StoreError) -> Int {
        let result: Result<Int, StoreError> = await ask { $0.receive(notices, from: remote, $1) }
        return try result.get()
    }

    /// Attempts what is due, and returns when that is done and no call is in flight any more, or when the database cannot be used.
    /// - Parameter deadline: rows that fall due again before it are attempted again; a time of the uptime clock. Nil: everything is attempted once.
    /// - Returns: nil if the engine was stopped meanwhile.
    package func drain(until deadline: Duration? = nil) async -> Engine.DrainSummary? {
        await ask { $0.drain(until: deadline, $1) }
    }

    package func health() async -> Health { await ask { $1($0.health()) } }

    /// The same without waiting.
    /// - Parameter tell: called on the loop.
    package func health(_ tell: @escaping @Sendable (Health) -> Void) {
        onLoop { tell($0.health()) }
    }

    /// Does what has to be done periodically: checks token files whose replacement was not detected, and logs the counts of minutes that have passed.
    package func checkUp() {
        tokens.check()
        onLoop { $0.reportRepeats() }
    }

    /// Puts another configuration into effect. Does not wait for calls in flight.
    /// - Parameter fresh: the tokens of its remotes.
    /// - Throws: the error that keeps the store from registering the remotes; then nothing changes.
    package func configure(_ configuration: Configuration, _ fresh: [String: Credential]) async throws(StoreError) {
        let ownRows: Set<Int64> = await ask { $0.hold($1) }
        do throws(StoreError) {
            let parties = configuration.parties
            let (stored, recovered) = try await EngineOwner.enter(parties, in: parts, except: ownRows)
            credentials.replace(with: fresh)
            onLoop {
                $0.report(.recovered(recovered))
                $0.configure(
                    configuration.enabledRemotes, configuration.engineSettings, stored, for: parties, repeats: configuration.log.repeats)
            }
        } catch {
            onLoop { $0.release() }
            throw error
        }
        watchTokens(of: configuration)
    }

    /// Stops the engine: no new calls begin, and calls in flight may end within `bound`; then they are cancelled and stay due. Returns when outcomes
    /// are stored and connections are closed.
    package func stop(within bound: Duration) async {
        let limit = bound + EngineOwner.recordingTime
        _ = await ask { (core: EngineLoop, tell: @escaping (Bool) -> Void) in core.stop(within: bound, limit: limit) { tell(true) } }
        let transports: [any HTTPTransport] = await ask { $1($0.stopCalls()) }
        for transport in transports { await transport.shutdown() }
    }
}
