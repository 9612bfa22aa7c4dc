import NIOCore
import SyncCore

/// Reads one response from the bytes of a connection (RFC 9112, sections 4 to 8). Interim responses are skipped.
///
///     beginning ──bytes──▶ head ──empty line──▶ length | chunks | until close ──▶ complete
///         ▲                 │ interim
///         └─────────────────┘
///
/// Memory is bounded by ``headLimit`` and the size of the body. A failure before ``head`` is set leaves no response; a later one leaves a
/// response with an incomplete body.
struct ResponseParser {
    enum Progress: Equatable {
        case incomplete
        case complete
        case failed(TransportFailure)
    }

    private enum Position: Equatable {
        case statusLine
        case fields
        case length(Int)
        case untilClose
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailer
        case ended
    }

    /// In bytes: status line and header together, including those of all preceding interim responses.
    static let headLimit = 65_536
    /// In bytes: a line with the size of a chunk. The rest of the line after the size is ignored.
    private static let chunkLineLimit = 4096

    private let isHead: Bool
    /// In bytes, of the body as it is transferred.
    private let bodyLimit: Int
    private var position = Position.statusLine
    private var pending = LineBuffer()
    /// The bytes of head and trailer that were read.
    private var lineBytes = 0
    private var unfinishedHead: ResponseHead?

    /// The final response's head, once it is complete.
    private(set) var head: ResponseHead?
    private(set) var body: [UInt8] = []

    init(isHead: Bool, bodyLimit: Int) {
        self.isHead = isHead
        self.bodyLimit = bodyLimit
    }

    /// Whether a byte of a non-interim response has arrived.
    var hasBegun: Bool { position != .statusLine || pending.count > 0 }

    /// Whether the connection may carry another call: the response is complete, and nothing arrived after it.
    var keepsConnection: Bool {
        position == .ended && !isClosed && pending.count == 0 && head?.keepsConnection(afterHead: isHead) == true
    }

    /// Whether the end of the connection is the end of the body (RFC 9112, section 6.3).
    var readsUntilClose: Bool { position == .untilClose }

    private var isClosed = false

    mutating func take(_ bytes: ByteBuffer) -> Progress {
        pending.append(bytes)
        while true {
            if let progress = step() { return progress }
        }
    }

    /// The peer has closed its side: nothing more will arrive.
    mutating func end() -> Progress {
        isClosed = true
        if position == .untilClose || position == .ended {
            position = .ended
            return .complete
        }
        return .failed(TransportFailure(.connectionClosed, detail: "the connection was closed before the response was complete"))
    }

    /// One step; nil if the next one may follow at once.
    private mutating func step() -> Progress? {
        switch position {
        case .statusLine: statusLine()
        case .fields: field()
        case .length(let rest): length(rest)
        case .untilClose: takeBody(pending.count) ?? .incomplete
        case .chunkSize: chunkSize()
        case .chunk(let rest): chunk(rest)
        case .chunkEnd: chunkEnd()
        case .trailer: trailer()
        case .ended: .complete
        }
    }

    private mutating func statusLine() -> Progress? {
        // An empty line before the status line is common after the body of an interim or earlier response.
        while let byte = pending.bytes.first, byte == 10 || byte == 13, lineBytes < 8 {
            pending.skip(1)
            lineBytes += 1
        }
        // A response that is not HTTP need not have lines.
        guard zip(pending.bytes, ResponseHead.prefix).allSatisfy(==) else { return invalid("the response is not HTTP/1") }
        guard let line = pending.line(atMost: ResponseParser.headLimit - lineBytes) else { return lineIsMissing() }
        guard let head = ResponseHead(statusLine: line[...]) else { return invalid("the status line of the response is not HTTP") }
        lineBytes += line.count + 1
        unfinishedHead = head
        position = .fields
        return nil
    }

    private mutating func field() -> Progress? {
        guard let line = pending.line(atMost: ResponseParser.headLimit - lineBytes) else { return lineIsMissing() }
        lineBytes += line.count + 1
        guard line.isEmpty else {
            guard unfinishedHead?.take(line[...]) == true else { return invalid("a header line of the response is not HTTP") }
            return nil
        }
        guard let found = unfinishedHead else { return invalid("the response has no status line") }
        unfinishedHead = nil
        guard !found.isInterim else {
            guard found.status != 101 else { return invalid("the response changes to another protocol, which was not asked for") }
            position = .statusLine
            return nil
        }
        head = found
        switch found.framing(ofHead: isHead) {
        case .none, .length(0): position = .ended
        case .length(let length): position = .length(length)
        case .chunked: position = .chunkSize
        case .untilClose: position = .untilClose
        case .unknown(let reason): return invalid(reason)
        }
        return nil
    }

    private mutating func length(_ rest: Int) -> Progress? {
        let size = min(rest, pending.count)
        let isTooLong = rest > bodyLimit - body.count
        if let failure = takeBody(size) { return failure }
        guard !isTooLong else { return tooLarge() }
        position = rest == size ? .ended : .length(rest - size)
        return rest == size ? nil : .incomplete
    }

    private mutating func chunkSize() -> Progress? {
        guard let line = pending.line(atMost: ResponseParser.chunkLineLimit) else { return lineIsMissing() }
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
        guard (1...15).contains(digits.count), let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0,
            digits.first != UInt8(ascii: "+"), digits.first != UInt8(ascii: "-")
        else { return invalid("the size of a chunk of the response is not a number") }
        position = size == 0 ? .trailer : .chunk(size)
        return nil
    }

    private mutating func chunk(_ rest: Int) -> Progress? {
        let size = min(rest, pending.count)
        guard size > 0 else { return .incomplete }
        if let failure = takeBody(size) { return failure }
        position = rest == size ? .chunkEnd : .chunk(rest - size)
        return nil
    }

    private mutating func chunkEnd() -> Progress? {
        guard let line = pending.line(atMost: 1) else { return pending.count > 1 ? invalid("a chunk has no end") : lineIsMissing() }
        guard line.isEmpty else { return invalid("a chunk of the response is longer than it says") }
        position = .chunkSize
        return nil
    }

    /// Fields after the last chunk are read and not used.
    private mutating func trailer() -> Progress? {
        guard let line = pending.line(atMost: ResponseParser.headLimit - lineBytes) else { return lineIsMissing() }
        lineBytes += line.count + 1
        if line.isEmpty { position = .ended }
        return nil
    }

    private mutating func takeBody(_ size: Int) -> Progress? {
        let taken = min(size, bodyLimit - body.count)
        body.append(contentsOf: pending.bytes.prefix(taken))
        pending.skip(taken)
        return taken < size ? tooLarge() : nil
    }

    /// The result if there is no line: it has not arrived yet, or it is too long.
    private func lineIsMissing() -> Progress {
        let limit =
            switch position {
            case .chunkSize, .chunkEnd: ResponseParser.chunkLineLimit
            default: ResponseParser.headLimit - lineBytes
            }
        return pending.count > limit ? invalid("the header of the response is larger than allowed") : .incomplete
    }

    private func invalid(_ detail: String) -> Progress { .failed(TransportFailure(.invalidResponse, detail: detail)) }

    private func tooLarge() -> Progress { .failed(TransportFailure(.responseTooLarge, detail: "the response is larger than allowed")) }
}
