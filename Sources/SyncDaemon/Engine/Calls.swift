import NIOCore
import SyncCore
import SyncEngine
import SyncHTTP

/// Makes and cancels the engine's calls. Bound to its event loop.
///
/// After a reload, calls in flight end under the configuration with which they began. The transport of a remote is kept as long as its limits do not
/// change; one that is no longer needed is shut down after its last call.
final class Calls {
    typealias MakeTransport = @Sendable (HTTPLimits, any EventLoop) -> any HTTPTransport

    /// A transport and the number of its calls in flight.
    private final class Line {
        let transport: any HTTPTransport
        var inFlight = 0
        /// No further call begins on it.
        var isRetired = false

        init(_ transport: any HTTPTransport) {
            self.transport = transport
        }
    }

    private let loop: any EventLoop
    private let credentials: Credentials
    private let makeTransport: MakeTransport
    private var remotes: [String: (remote: Remote, line: Line)] = [:]
    /// Cancels a call.
    private var inFlight: [Engine.CallID: () -> Void] = [:]
    private var retired: [Line] = []

    init(on loop: any EventLoop, _ credentials: Credentials, _ makeTransport: @escaping MakeTransport) {
        self.loop = loop
        self.credentials = credentials
        self.makeTransport = makeTransport
    }

    /// Sets the remotes that may be called from now on.
    func configure(_ fresh: [Remote]) {
        let former = remotes
        remotes = [:]
        for remote in fresh {
            let known = former[remote.name].flatMap { $0.remote.limits == remote.limits ? $0.line : nil }
            remotes[remote.name] = (remote, known ?? Line(makeTransport(remote.limits, loop)))
        }
        for (name, entry) in former where remotes[name]?.line !== entry.line { retire(entry.line) }
    }

    /// - Parameters:
    ///   - now: the wall clock.
    ///   - completion: called once, on the loop, and never before this function has returned.
    func start(
        _ id: Engine.CallID, to name: String, _ purpose: Engine.CallPurpose, now: @escaping () -> Instant,
        _ completion: @escaping (Engine.CallEnd) -> Void
    ) {
        guard let (remote, line) = remotes[name] else { preconditionFailure("the engine calls remotes that are configured") }
        let credential = credentials[name] ?? Credential(token: "")
        let call = RemoteCall(remote: remote, credential: credential, purpose: purpose)
        line.inFlight += 1
        inFlight[id] = line.transport.start(call.request, on: loop) { [self] result in
            inFlight[id] = nil
            line.inFlight -= 1
            if line.isRetired, line.inFlight == 0 { shutDown(line) }
            completion(call.end(result, hadPresentCredential: credential == credentials[name], now: now()))
        }
    }

    /// Ends the call soon, as interrupted. Has no effect on a call that has ended.
    func cancel(_ id: Engine.CallID) {
        inFlight[id]?()
    }

    /// Begins no further calls. Shutting the returned transports down ends the calls in flight.
    func stop() -> [any HTTPTransport] {
        defer { (remotes, retired) = ([:], []) }
        return (remotes.values.map(\.line) + retired).map(\.transport)
    }

    private func retire(_ line: Line) {
        line.isRetired = true
        if line.inFlight == 0 { shutDown(line) } else { retired.append(line) }
    }

    private func shutDown(_ line: Line) {
        retired.removeAll { $0 === line }
        let transport = line.transport
        Task { await transport.shutdown() }
    }
}
