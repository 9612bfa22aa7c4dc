import NIOCore
import SyncCore
import SyncStore

/// Passes the engine's exchanges to the store, one at a time. Bound to its event loop.
///
/// While the queue is held, no exchange begins, so a new configuration is never stored between the parts of one exchange.
final class StoreQueue {
    typealias Completion = (Result<ExchangeResult, StoreError>) -> Void

    private let store: Store
    private let loop: any EventLoop
    private var parties: Parties
    private var isExchanging = false
    private var isHeld = false
    /// The exchange requested while the queue was held.
    private var waiting: (exchange: Exchange, completion: Completion)?
    /// Called at the end of the exchange in progress.
    private var whenIdle: (() -> Void)?

    init(_ store: Store, on loop: any EventLoop, for parties: Parties) {
        self.store = store
        self.loop = loop
        self.parties = parties
    }

    /// - Parameter completion: called once, on the loop, and never before this function has returned.
    func exchange(_ exchange: Exchange, _ completion: @escaping Completion) {
        precondition(!isExchanging && waiting == nil, "the engine has one exchange at a time")
        guard !isHeld else { return waiting = (exchange, completion) }
        begin(exchange, completion)
    }

    private func begin(_ exchange: Exchange, _ completion: @escaping Completion) {
        isExchanging = true
        let finish: Completion = { [self] in end($0, completion) }
        let bound = NIOLoopBound(finish, eventLoop: loop)
        Task { [store, parties, loop] in
            let result: Result<ExchangeResult, StoreError>
            do throws(StoreError) {
                result = .success(try await store.exchange(exchange, for: parties))
            } catch {
                result = .failure(error)
            }
            loop.execute { bound.value(result) }
        }
    }

    private func end(_ result: Result<ExchangeResult, StoreError>, _ completion: Completion) {
        isExchanging = false
        completion(result)
        guard !isExchanging, let waiter = whenIdle else { return }
        whenIdle = nil
        waiter()
    }

    /// Begins no exchange until ``release(for:)``.
    /// - Parameter whenIdle: called when none is in progress.
    func hold(_ whenIdle: @escaping () -> Void) {
        precondition(!isHeld, "the queue is held once")
        isHeld = true
        guard isExchanging else { return whenIdle() }
        self.whenIdle = whenIdle
    }

    /// Continues with the waiting exchange.
    /// - Parameter fresh: the participants from now on; nil: unchanged.
    func release(for fresh: Parties? = nil) {
        precondition(isHeld && whenIdle == nil, "what was held is released")
        isHeld = false
        if let fresh { parties = fresh }
        guard let (exchange, completion) = waiting else { return }
        waiting = nil
        begin(exchange, completion)
    }
}
