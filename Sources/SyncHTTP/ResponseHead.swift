import SyncCore

/// Status line and header of a response, read line by line, and the framing of its body.
struct ResponseHead: Equatable, Sendable {
    /// How the end of the body is determined (RFC 9112, section 6.3).
    enum Framing: Equatable, Sendable {
        case none
        case length(Int)
        case chunked
        case untilClose
        /// The header contradicts itself, or names a coding that was not requested.
        case unknown(reason: String)
    }

    let status: Int
    private let isVersion10: Bool
    /// Names in lower case; the values of a repeated name are joined by `, ` (RFC 9110, section 5.3).
    private(set) var fields: [String: String] = [:]
    private var lastName: String?

    /// The beginning of every status line. A response that begins differently is not HTTP/1.
    static let prefix = Array("HTTP/1.".utf8)

    /// `HTTP/1.1 200 OK`; the reason phrase is ignored and may be missing.
    init?(statusLine line: ArraySlice<UInt8>) {
        let bytes = Array(line)
        let digits = bytes.dropFirst(9).prefix(3).map { Int($0) - Int(UInt8(ascii: "0")) }
        guard bytes.starts(with: ResponseHead.prefix), bytes.count >= 12, (0x30...0x39).contains(bytes[7]), bytes[8] == 0x20,
            digits.allSatisfy({ (0...9).contains($0) }), digits[0] > 0, bytes.count == 12 || bytes[12] == 0x20
        else { return nil }
        status = digits.reduce(0) { $0 * 10 + $1 }
        isVersion10 = bytes[7] == UInt8(ascii: "0")
    }

    /// Reads a line of the header; returns false if it is not one.
    mutating func take(_ line: ArraySlice<UInt8>) -> Bool {
        guard let first = line.first, line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else { return false }
        if ResponseHead.isBlank(first) {
            // A folded line continues the previous value (RFC 9112, section 5.2).
            guard let lastName, let value = fields[lastName] else { return false }
            fields[lastName] = "\(value) \(ResponseHead.text(line))"
            return true
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let name = ResponseHead.text(line[..<colon]).lowercased()
        guard RequestMessage.isToken(name) else { return false }
        let value = ResponseHead.text(line[line.index(after: colon)...])
        fields[name] = fields[name].map { "\($0), \(value)" } ?? value
        lastName = name
        return true
    }

    /// Whether another response follows this one (RFC 9110, section 15.2).
    var isInterim: Bool { (100...199).contains(status) }

    /// Whether the connection may carry another call (RFC 9112, section 9.3).
    /// - Parameter isHead: whether the response is to a HEAD, whose header describes a body that does not follow.
    func keepsConnection(afterHead isHead: Bool) -> Bool {
        let options = elements(of: "connection")
        if options.contains("close") { return false }
        // A body that the response must not have: whatever arrives next may be that body, and not the next response.
        if !isHead, status == 204 || status == 304, announcesBody { return false }
        // Both ways to specify the length: an intermediary may have interpreted them differently (RFC 9112, section 6.3).
        if fields["transfer-encoding"] != nil, fields["content-length"] != nil { return false }
        return !isVersion10 || options.contains("keep-alive")
    }

    /// Whether the header says that a body of at least a byte follows.
    private var announcesBody: Bool {
        fields["transfer-encoding"] != nil || fields["content-length"] != nil && Set(elements(of: "content-length")) != ["0"]
    }

    func framing(ofHead isHead: Bool) -> Framing {
        if isHead || isInterim || status == 204 || status == 304 { return .none }
        if fields["transfer-encoding"] != nil {
            return elements(of: "transfer-encoding") == ["chunked"]
                ? .chunked : .unknown(reason: "the transfer coding of the response is unknown")
        }
        guard fields["content-length"] != nil else { return .untilClose }
        let lengths = Set(elements(of: "content-length"))
        guard lengths.count == 1, let text = lengths.first, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(text)
        else { return .unknown(reason: "the length of the response is not a number") }
        return .length(length)
    }

    /// The elements of a list, in lower case.
    func elements(of name: String) -> [String] {
        guard let value = fields[name] else { return [] }
        return value.lowercased().utf8.split(separator: UInt8(ascii: ","))
            .map { ResponseHead.text(Array($0)[...]) }.filter { !$0.isEmpty }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        var bytes = bytes
        while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
        while let last = bytes.last, isBlank(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
