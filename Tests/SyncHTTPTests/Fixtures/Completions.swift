import NIOCore
import SyncCore

@testable import SyncHTTP

/// The results of calls that were started on an event loop. Bound to the loop.
final class Completions {
    private let loop: any EventLoop
    private let stream: AsyncStream<Int>
    private let continuation: AsyncStream<Int>.Continuation
    /// The results of each call, by the number that the test gave it, in the order in which they arrived.
    private(set) var results: [Int: [Result<HTTPReply, TransportFailure>]] = [:]
    private(set) var isAlwaysOnLoop = true

    init(on loop: any EventLoop) {
        self.loop = loop
        (stream, continuation) = AsyncStream.makeStream()
    }

    func completed(_ call: Int, _ result: Result<HTTPReply, TransportFailure>) {
        isAlwaysOnLoop = isAlwaysOnLoop && loop.inEventLoop
        results[call, default: []].append(result)
        continuation.yield(call)
    }

    /// The numbers of calls as they end.
    var ends: AsyncStream<Int> { stream }
}

/// A transport and the results of its calls, for tests that start calls from its loop.
struct LoopCaller: Sendable {
    let transport: NetworkTransport
    private let completions: NIOLoopBoundBox<Completions>
    private let ends: AsyncStream<Int>

    init(_ transport: NetworkTransport) {
        self.transport = transport
        let completions = Completions(on: transport.loop)
        ends = completions.ends
        self.completions = .makeBoxSendingValue(completions, eventLoop: transport.loop)
    }

    /// Only on the loop.
    @discardableResult
    func start(_ number: Int, _ call: HTTPCall, then next: @escaping (Result<HTTPReply, TransportFailure>) -> Void = { _ in })
        -> NetworkTransport.CallHandle
    {
        let completions = completions.value
        return transport.start(call) { result in
            completions.completed(number, result)
            next(result)
        }
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        try await transport.loop.submit(body).get()
    }

    /// Waits until that many more calls have ended.
    func waitForEnds(_ count: Int = 1) async {
        var rest = count
        for await _ in ends {
            rest -= 1
            if rest == 0 { return }
        }
    }

    /// Shuts the transport down, and returns how each call has ended.
    func finish() async throws -> (results: [Int: [Result<HTTPReply, TransportFailure>]], isAlwaysOnLoop: Bool) {
        await transport.shutdown()
        let completions = completions
        return try await onLoop { (completions.value.results, completions.value.isAlwaysOnLoop) }
    }
}
