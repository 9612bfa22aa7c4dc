import NIOCore
import SyncCore
import SyncEngine
import SyncHTTP
import SyncStore

/// Owns the engine: it lives on one event loop, together with the connections of all remotes, so that a call costs no change of threads.
/// Everything here can be called from any thread.
package final class EngineOwner: Sendable {
    /// How long a stop may take beyond the bound for calls, whatever becomes of their outcomes: the engine itself stops a second before.
    private static let recordingTime = Duration.seconds(6)

    private let parts: Parts
    private let credentials: Credentials
    private let tokens: TokenWatch
    private let core: NIOLoopBoundBox<EngineLoop>
    /// Rows that an ended process had left behind.
    private let recovered: Int

    /// Enters the process and the remotes in the store and makes the engine, which does nothing before its first event.
    /// - Throws: a ``ConfigurationError`` for credentials that cannot be read, `StoreError` for the database.
    package static func start(_ configuration: Configuration, _ parts: Parts) async throws -> EngineOwner {
        // First of all: nothing has to be taken back when one is missing.
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
        let start = try await parts.store.start(.current(), for: parties, except: ownRows, now: parts.now().wall)
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
                if case .runBegan = report { tokens.look() }
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

    /// - Parameter request: tells the result on the loop, once.
    private func ask<Value: Sendable>(
        _ request: @escaping @Sendable (EngineLoop, @escaping (Value) -> Void) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in onLoop { request($0) { continuation.resume(returning: $0) } } }
    }

    /// Says what was found at the start. To be called once, before the first event.
    package func begin() {
        onLoop { [recovered] in $0.report(.recovered(recovered)) }
    }

    package func post(_ event: Engine.Event) {
        onLoop { $0.post(event) }
    }

    /// Returns when the notices are stored.
    /// - Returns: how many of them were new; of those that were stored with one commit, each is counted once.
    package func receive(_ notices: [Notice], from remote: String) async throws(StoreError) -> Int {
        let result: Result<Int, StoreError> = await ask { $0.receive(notices, from: remote, $1) }
        return try result.get()
    }

    /// Attempts what is due, and returns when that is over, at the deadline in any case. What is in flight then goes on until the engine is
    /// stopped.
    /// - Parameter deadline: rows that fall due until then are attempted as well, by uptime. Nil: what is due now, once.
    /// - Returns: nil when the engine was stopped and could not tell any more.
    package func drain(until deadline: Duration? = nil) async -> Engine.DrainSummary? {
        await ask { $0.drain(until: deadline, $1) }
    }

    package func health() async -> Health { await ask { $1($0.health()) } }

    /// The same for somebody who does not wait for it.
    /// - Parameter tell: called on the loop.
    package func health(_ tell: @escaping @Sendable (Health) -> Void) {
        onLoop { tell($0.health()) }
    }

    /// What has to be done from time to time, whatever happens: token files whose replacement nobody noticed, and counts of minutes that are
    /// over.
    package func checkUp() {
        tokens.look()
        onLoop { $0.reportRepeats() }
    }

    /// Puts another configuration in force. Calls in flight are not waited for.
    /// - Parameter fresh: the tokens of its remotes.
    /// - Throws: what keeps the store from entering the remotes; then everything stays as it is.
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

    /// No new calls; calls in flight may end within the bound, then they are cut off and stay due. Returns when outcomes are stored, and
    /// connections closed.
    package func stop(within bound: Duration) async {
        let limit = bound + EngineOwner.recordingTime
        _ = await ask { (core: EngineLoop, tell: @escaping (Bool) -> Void) in core.stop(within: bound, limit: limit) { tell(true) } }
        let transports: [any HTTPTransport] = await ask { $1($0.stopCalls()) }
        for transport in transports { await transport.shutdown() }
    }
}
