import NIOCore
import NIOPosix
import SyncCore
import SyncHTTP
import SyncRemotes
import Synchronization
import Testing

@testable import SyncDaemon
@testable import SyncEngine

/// Calls and their transports across reloads.
@Suite(.timeLimit(.minutes(1))) struct CallsTests {
    /// Ends its calls when the test says so, or when they are cancelled.
    private final class Transport: HTTPTransport {
        private struct State {
            var calls: [(call: HTTPCall, completion: NIOLoopBound<(Result<HTTPReply, TransportFailure>) -> Void>)] = []
            var isShutDown = false
        }

        let limits: HTTPLimits
        private let state = Mutex(State())

        init(_ limits: HTTPLimits) {
            self.limits = limits
        }

        var isShutDown: Bool { state.withLock { $0.isShutDown } }
        var urls: [String] { state.withLock { $0.calls.map(\.call.url) } }

        func send(_ call: HTTPCall) async throws(TransportFailure) -> HTTPReply {
            throw TransportFailure(.connectionRefused, detail: "calls are started on the loop")
        }

        func start(
            _ call: HTTPCall, on loop: any EventLoop, _ completion: @escaping (Result<HTTPReply, TransportFailure>) -> Void
        ) -> () -> Void {
            let bound = NIOLoopBound(completion, eventLoop: loop)
            state.withLock { $0.calls.append((call, bound)) }
            return { bound.value(.failure(TransportFailure(.cancelled, detail: "cancelled"))) }
        }

        /// On the loop.
        func end(_ index: Int, _ result: Result<HTTPReply, TransportFailure>) {
            state.withLock { $0.calls[index].completion }.value(result)
        }

        func shutdown() async { state.withLock { $0.isShutDown = true } }
    }

    private static func remote(_ url: String, timeout: Duration = .seconds(10), name: String = "vg") -> Remote {
        var limits = HTTPLimits()
        limits.totalTimeout = timeout
        return Remote(
            profile: Profile(name: name, kind: .vg), url: url, credential: .environment(variable: "VG"), isEnabled: true, gate: .init(),
            limits: limits, classifier: .init())
    }

    private static let list = Engine.CallPurpose.read(
        OutboundCall(operation: "list", method: "GET", path: "/agents/a/convos", body: .null))

    /// Runs on a loop, with calls and the transports that were made for them.
    private func onLoop(_ test: @escaping @Sendable (Calls, Credentials, () -> [Transport]) throws -> Void) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        try await loop.submit {
            let made = Mutex<[Transport]>([])
            let credentials = Credentials(["vg": Credential(token: "t")])
            let calls = Calls(on: loop, credentials) { limits, _ in
                let transport = Transport(limits)
                made.withLock { $0.append(transport) }
                return transport
            }
            try test(calls, credentials) { made.withLock { $0 } }
        }.get()
    }

    @Test func `a transport is kept across a reload unless its limits change`() async throws {
        try await onLoop { calls, _, transports in
            calls.configure([Self.remote("https://old.example.com")])
            calls.configure([Self.remote("https://new.example.com")])
            #expect(transports().count == 1)
            calls.configure([Self.remote("https://new.example.com", timeout: .seconds(3))])
            #expect(transports().map(\.limits.totalTimeout) == [.seconds(10), .seconds(3)])
        }
    }

    @Test func `a call that began before a reload ends with the settings with which it began`() async throws {
        try await onLoop { calls, credentials, transports in
            calls.configure([Self.remote("https://old.example.com")])
            var ends: [Engine.CallEnd] = []
            calls.start(Engine.CallID(number: 1), to: "vg", Self.list, now: SystemClock.now) { ends.append($0) }
            calls.configure([Self.remote("https://new.example.com", timeout: .seconds(3))])
            credentials.replace(with: ["vg": Credential(token: "another")])
            calls.start(Engine.CallID(number: 2), to: "vg", Self.list, now: SystemClock.now) { ends.append($0) }
            let (old, new) = (transports()[0], transports()[1])
            #expect(old.urls == ["https://old.example.com/agents/a/convos"])
            #expect(new.urls == ["https://new.example.com/agents/a/convos"])
            #expect(!old.isShutDown && ends.isEmpty)
            old.end(0, .success(HTTPReply(status: 200, body: Array(#"{"data":[]}"#.utf8))))
            guard case .read(let outcome, let body)? = ends.first else {
                Issue.record("the call did not end")
                return
            }
            #expect(outcome.outcome == .delivered && body?["data"] != nil)
        }
    }

    @Test func `a cancelled call ends once, as interrupted`() async throws {
        try await onLoop { calls, _, _ in
            calls.configure([Self.remote("https://vg.example.com")])
            var outcomes: [OutcomeClass] = []
            calls.start(Engine.CallID(number: 1), to: "vg", Self.list, now: SystemClock.now) { end in
                if case .read(let outcome, _) = end { outcomes.append(outcome.outcome) }
            }
            calls.cancel(Engine.CallID(number: 1))
            calls.cancel(Engine.CallID(number: 1))
            #expect(outcomes == [.interrupted])
        }
    }

    @Test func `the transport of a removed remote is shut down after its last call`() async throws {
        let transport = Mutex<Transport?>(nil)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        try await loop.submit {
            let calls = Calls(on: loop, Credentials([:])) { limits, _ in
                let made = Transport(limits)
                transport.withLock { $0 = made }
                return made
            }
            calls.configure([Self.remote("https://vg.example.com")])
            calls.start(Engine.CallID(number: 1), to: "vg", Self.list, now: SystemClock.now) { _ in }
            calls.configure([])
            #expect(transport.withLock { $0?.isShutDown } == false)
            transport.withLock { $0 }?.end(0, .success(HTTPReply(status: 204)))
        }.get()
        while transport.withLock({ $0?.isShutDown }) == false { await Task.yield() }
    }
}
