import Fixtures
import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// How a response is parsed, whatever the pieces in which it arrives.
@Suite struct ResponseParserTests {
    struct Outcome: Equatable {
        var status: Int?
        var body: String
        var progress: ResponseParser.Progress
        var keepsConnection: Bool
    }

    private func parse(_ pieces: [[UInt8]], isHead: Bool = false, limit: Int = 1000, ends: Bool = false) -> Outcome {
        var parser = ResponseParser(isHead: isHead, bodyLimit: limit)
        var progress = ResponseParser.Progress.incomplete
        for piece in pieces where progress == .incomplete { progress = parser.take(ByteBuffer(bytes: piece)) }
        if ends, progress == .incomplete { progress = parser.end() }
        return Outcome(
            status: parser.head?.status, body: String(decoding: parser.body, as: UTF8.self), progress: progress,
            keepsConnection: progress == .complete && parser.keepsConnection)
    }

    private func parse(_ text: String, isHead: Bool = false, limit: Int = 1000, ends: Bool = false) -> Outcome {
        parse([Array(text.utf8)], isHead: isHead, limit: limit, ends: ends)
    }

    private static let responses = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello",
        "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "3;name=value\r\nabc\r\n00a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
        "HTTP/1.0 404 Not Found\r\nContent-Type: text/html\r\n\r\n<html>until close</html>",
        "HTTP/1.1 500 Oops\nContent-Length: 2\n\n{}",
        "HTTP/1.1 200\r\nX-Folded: one\r\n two\r\nContent-Length: 2, 2\r\n\r\n{}",
    ]

    @Test(arguments: responses)
    func `a response is the same in whatever pieces it arrives`(response: String) {
        let bytes = Array(response.utf8)
        let whole = parse([bytes], ends: true)
        #expect(whole.progress == .complete)
        for split in 0...bytes.count {
            #expect(parse([Array(bytes[..<split]), Array(bytes[split...])], ends: true) == whole, "split at \(split)")
        }
        #expect(parse(bytes.map { [$0] }, ends: true) == whole)
    }

    @Test func `parsing stops where the response ends, and says whether the connection may be kept`() {
        #expect(parse(Self.responses[0]) == Outcome(status: 200, body: "hello", progress: .complete, keepsConnection: true))
        #expect(parse(Self.responses[1]) == Outcome(status: 204, body: "", progress: .complete, keepsConnection: true))
        #expect(parse(Self.responses[2]) == Outcome(status: 201, body: "abc0123456789", progress: .complete, keepsConnection: true))
        #expect(parse(Self.responses[3]).progress == .incomplete)
        #expect(parse(Self.responses[3], ends: true).keepsConnection == false)
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        #expect(parse(chunked + "0\r\n\r\n").progress == .complete)
        #expect(parse(chunked + "0\r\n").progress == .incomplete)
        #expect(parse(Self.responses[0] + "x").keepsConnection == false)
        for fields in ["Connection: close", "connection: keep-alive, CLOSE", "Connection: x\r\nConnection: close"] {
            #expect(parse("HTTP/1.1 200 OK\r\n\(fields)\r\nContent-Length: 0\r\n\r\n").keepsConnection == false)
        }
        #expect(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keepsConnection == false)
    }

    @Test func `responses that have no body are parsed without one, whatever their header says`() {
        for status in [204, 304] {
            #expect(parse("HTTP/1.1 \(status) X\r\nContent-Length: 5\r\n\r\n").progress == .complete)
        }
        let head = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", isHead: true)
        #expect(head == Outcome(status: 200, body: "", progress: .complete, keepsConnection: true))
    }

    @Test(arguments: [204, 304])
    func `a connection is not kept after a response that announces a body and must not have one`(status: Int) {
        for fields in ["Content-Length: 5", "Content-Length: 0, 5", "Content-Length:", "Transfer-Encoding: chunked"] {
            let text = "HTTP/1.1 \(status) X\r\n\(fields)\r\n\r\n"
            #expect(parse(text) == Outcome(status: status, body: "", progress: .complete, keepsConnection: false), "\(fields)")
            #expect(parse(text, isHead: true).keepsConnection, "\(fields)")
        }
        for fields in ["Content-Length: 0", "Content-Length: 0, 0", "X: 1"] {
            #expect(parse("HTTP/1.1 \(status) X\r\n\(fields)\r\n\r\n").keepsConnection, "\(fields)")
        }
    }

    @Test func `values of a repeated header are joined, and bytes that are not UTF-8 are accepted`() {
        var parser = ResponseParser(isHead: false, bodyLimit: 10)
        let text = "HTTP/1.1 429 X\r\nRetry-After:  2 \r\nretry-after:4\r\nX-Name : v\r\nX-Odd: \u{0}"
        let bytes = Array(text.utf8.dropLast()) + [0xFF, 0x41] + Array("\r\nContent-Length: 0\r\n\r\n".utf8)
        #expect(parser.take(ByteBuffer(bytes: bytes)) == .complete)
        #expect(parser.head?.fields["retry-after"] == "2, 4")
        #expect(parser.head?.fields["x-name"] == "v")
        #expect(parser.head?.fields["x-odd"] == "\u{FFFD}A")
    }

    @Test(arguments: [
        "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/1.1 200OK\r\n", "HTTP/1.1 099 X\r\n",
        "HTTP/2.0 200\r\n",
        "http/1.1 200 OK\r\n", "<html>", "HTTP/1.1 200 OK\r\n folded at once\r\n", "HTTP/1.1 200 OK\r\n: no name\r\n",
        "HTTP/1.1 200 OK\r\nX: \u{1}\r\n", "HTTP/1.1 200 OK\r\nX\u{FC}: 1\r\n", "HTTP/1.1 101 Switching\r\n\r\n",
    ])
    func `an invalid HTTP/1 header leaves no status`(text: String) {
        let outcome = parse(text)
        #expect(outcome.status == nil)
        guard case .failed(let failure) = outcome.progress else { return _ = Issue.record("\(outcome)") }
        #expect(failure.kind == .invalidResponse)
    }

    @Test func `a body is accepted up to its limit, however it is delimited`() {
        let body = String(repeating: "x", count: 11)
        let heads = [
            "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n\(body)", "HTTP/1.1 200 OK\r\n\r\n\(body)",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n\(body)\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nxxxxxx\r\n5\r\nxxxxx\r\n0\r\n\r\n",
        ]
        for text in heads {
            #expect(parse(text, limit: 11, ends: true).progress == .complete)
            let outcome = parse(text, limit: 10, ends: true)
            #expect(outcome.status == 200)
            #expect(outcome.body == String(body.prefix(10)))
            guard case .failed(let failure) = outcome.progress else { return _ = Issue.record("\(outcome)") }
            #expect(failure.kind == .responseTooLarge)
        }
        #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: \(Int.max)\r\n\r\n", limit: 10).progress != .incomplete)
    }

    @Test func `the line with the size of a chunk is accepted up to 4 KiB`() {
        for (length, isAccepted) in [(4000, true), (4200, false)] {
            let extensions = String(repeating: "x", count: length)
            let outcome = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;\(extensions)\r\nx\r\n0\r\n\r\n")
            #expect((outcome.progress == .complete) == isAccepted && outcome.progress != .incomplete)
            // Nor is more of it buffered while it does not end.
            #expect(
                (parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;\(extensions)").progress == .incomplete) == isAccepted)
        }
    }

    /// Bytes changed at random: parsing always ends, with no more than the limits allow, and with the same result in one piece as in many.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a damaged response ends within the limits, with the same result in one piece and in many`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var bytes = Array(Self.responses[Int.random(in: 0..<Self.responses.count, using: &random)].utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: index)
            default: bytes.insert([13, 10, 32, 48, 58, 255].randomElement(using: &random) ?? 0, at: index)
            }
        }
        let whole = parse([bytes], limit: 8, ends: true)
        #expect(whole.progress != .incomplete)
        #expect(whole.body.utf8.count <= 8 * 3)
        let single = parse(bytes.map { [$0] }, limit: 8, ends: true)
        #expect(single.status == whole.status, "seed \(seed)")
        #expect((single.progress == .complete) == (whole.progress == .complete), "seed \(seed)")
    }
}
