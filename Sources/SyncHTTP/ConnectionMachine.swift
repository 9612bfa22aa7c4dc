import NIOCore
import SyncCore

/// The state of one connection: it is idle, or it carries one call and waits for its response.
///
///     idle ──started──▶ writing ──written──▶ waiting ──response complete──▶ idle | closed
///                          └────────────── response complete ─────────────▶ closed
///
/// A complete response counts, whatever happened to the request (RFC 9112, section 9.5): until one has arrived, writing and reading
/// continue. Once the header has arrived, a failure in the body still leaves a reply with its status. Time is a parameter.
struct ConnectionMachine {
    enum End: Equatable {
        case reply(HTTPReply)
        case failed(TransportFailure)
        /// The connection had carried a call before, or had been idle, and was closed before a byte of a response: the peer has most likely
        /// closed it before it received the call (RFC 9112, section 9.3.1).
        case closedBeforeResponse(TransportFailure)
    }

    enum Action: Equatable {
        case none
        case finish(End, keepsConnection: Bool)
        /// Bytes arrived that belong to no response.
        case close
    }

    private struct Exchange {
        var parser: ResponseParser
        let isReused: Bool
        let totalDeadline: NIODeadline
        /// The last time that the call began, a part of it was written, or a part of the response arrived.
        var silentSince: NIODeadline
        var isWritten = false
        var hasReceived = false
    }

    private enum State {
        case idle
        case busy(Exchange)
        case closed
    }

    private let limits: HTTPLimits
    private var state = State.idle

    init(_ limits: HTTPLimits) {
        self.limits = limits
    }

    /// When ``timePassed(now:)`` has to be called at the latest; nil while there is no call.
    var deadline: NIODeadline? {
        guard case .busy(let exchange) = state else { return nil }
        return min(exchange.totalDeadline, exchange.silentSince + longestSilence(in: exchange))
    }

    var isIdle: Bool {
        guard case .idle = state else { return false }
        return true
    }

    /// - Parameter isReused: whether the connection has carried a call before or was idle.
    mutating func callStarted(isHead: Bool, isReused: Bool, totalDeadline: NIODeadline, now: NIODeadline) {
        guard case .idle = state else { preconditionFailure("a connection carries one call at a time") }
        state = .busy(
            Exchange(
                parser: ResponseParser(isHead: isHead, bodyLimit: limits.maximumResponseSize), isReused: isReused,
                totalDeadline: totalDeadline, silentSince: now))
    }

    mutating func pieceWritten(isLast: Bool, now: NIODeadline) {
        guard case .busy(var exchange) = state else { return }
        exchange.isWritten = isLast
        exchange.silentSince = now
        state = .busy(exchange)
    }

    mutating func received(_ bytes: ByteBuffer, now: NIODeadline) -> Action {
        guard case .busy(var exchange) = state else {
            state = .closed
            return .close
        }
        // Keep a single owner of the received bytes, or they would be copied.
        state = .closed
        exchange.hasReceived = true
        exchange.silentSince = now
        let progress = exchange.parser.take(bytes)
        guard progress == .incomplete else { return finish(exchange, progress) }
        state = .busy(exchange)
        return .none
    }

    /// - Parameter failure: why the connection has ended; nil if the peer closed it regularly.
    mutating func connectionEnded(_ failure: TransportFailure?) -> Action {
        guard case .busy(var exchange) = state else {
            state = .closed
            return .none
        }
        let progress = failure.map(ResponseParser.Progress.failed) ?? exchange.parser.end()
        if case .failed(let failure) = progress, !exchange.hasReceived, exchange.isReused {
            state = .closed
            return .finish(.closedBeforeResponse(failure), keepsConnection: false)
        }
        return finish(exchange, progress)
    }

    mutating func timePassed(now: NIODeadline) -> Action {
        guard case .busy(let exchange) = state, let deadline, deadline <= now else { return .none }
        return finish(exchange, .failed(TransportFailure(.timeout, detail: exceeded(in: exchange, now: now))))
    }

    /// Whether the response being read has a body that ends with the connection.
    var readsUntilClose: Bool {
        if case .busy(let exchange) = state { exchange.parser.readsUntilClose } else { false }
    }

    mutating func cancelled() -> Action {
        guard case .busy(let exchange) = state else { return .none }
        return finish(exchange, .failed(.cancelled))
    }

    private mutating func finish(_ exchange: Exchange, _ progress: ResponseParser.Progress) -> Action {
        let parser = exchange.parser
        var failure: TransportFailure?
        if case .failed(let found) = progress { failure = found }
        let keepsConnection = failure == nil && exchange.isWritten && parser.keepsConnection
        state = keepsConnection ? .idle : .closed
        guard let head = parser.head else {
            let failure = failure ?? TransportFailure(.invalidResponse, detail: "the response has no header")
            return .finish(.failed(failure), keepsConnection: false)
        }
        let reply = HTTPReply(status: head.status, headers: head.fields, body: parser.body, bodyFailure: failure)
        return .finish(.reply(reply), keepsConnection: keepsConnection)
    }

    /// The longest time between two pieces of the call or of its response; before the first piece of the response it may be longer.
    private func longestSilence(in exchange: Exchange) -> TimeAmount {
        let isFirstByte = exchange.isWritten && !exchange.parser.hasBegun
        return (isFirstByte ? limits.firstByteTimeout : limits.readTimeout).timeAmount
    }

    private func exceeded(in exchange: Exchange, now: NIODeadline) -> String {
        if exchange.totalDeadline <= now { return "no complete response within the total timeout" }
        if exchange.parser.hasBegun { return "the response stopped for longer than the read timeout" }
        return exchange.isWritten
            ? "no byte of the response within the first-byte timeout" : "the call could not be written within the write timeout"
    }
}

extension Duration {
    var timeAmount: TimeAmount { .milliseconds(milliseconds) }
}

extension TransportFailure {
    static let cancelled = TransportFailure(.cancelled, detail: "stopped before the response came")
    /// The call never had a connection.
    static let cancelledUnsent = TransportFailure(.cancelled, detail: "stopped before the call was sent", wasWritten: false)
}
