import Fixtures
import FoundationEssentials
import SyncCore
import Testing

@testable import SyncHTTP

/// Compressed bodies, made with zlib 1.3.
@Suite struct ContentCodingTests {
    private static let text = #"{"id":"c1","title":"Grüße","tags":["new","vip"],"status":"open"}"#
    static let stored =
        "H4sIAAAAAAAEAwFCAL3/eyJpZCI6ImMxIiwidGl0bGUiOiJHcsO8w59lIiwidGFncyI6WyJuZXciLCJ2aXAiXSwic3RhdHVzIjoib3BlbiJ9UhKUP0IAAAA="
    static let fixed = "H4sIAAAAAAACA6tWykxRslJKNlTSUSrJLMlJBXLciw7vOTw/FSSSmF6sZBWtlJdaDuSVZRYoxeooFZcklpQChZXyC1LzlGoBUhKUP0IAAAA="
    /// With an extra field, a name, a comment and a checksum of its header.
    static let flags =
        "H4sIHgAAAAAAAwMAYWJjbmFtZQBjb21tZW50AHlxq1bKTFGyUko2VNJRKsksyUkFctyLDu85PD8VJJK"
        + "YXqxkFa2Ul1oO5JVlFijF6igVlySWlAKFlfILUvOUagFSEpQ/QgAAAA=="
    static let zlib = "eNqrVspMUbJSSjZU0lEqySzJSQVy3IsO7zk8PxUkkpherGQVrZSXWg7klWUWKMXqKBWXJJaUAoWV8gtS85RqAc55Fc0="
    static let raw = "q1bKTFGyUko2VNJRKsksyUkFctyLDu85PD8VJJKYXqxkFa2Ul1oO5JVlFijF6igVlySWlAKFlfILUvOUagE="
    /// 2,000 bytes of words, with dynamic Huffman codes; its checksum is in its last eight bytes.
    static let dynamic =
        "H4sIAAAAAAACA12VS64dMQhEt5IlNP5h7yfzSJm87Se6nGq57gi1saGAovrnz9/fffz6+W9izLIHuz5m1Vd/6rAtLvEouNzwr/Kf/JjZP6ZxGV"
        + "u+c4jAy/mV/lQkvLm5XSEWn7s+J58zKl893XGlq6jLUEavd+3GHFlXhedRqnlFi86l5aCjeZtGQZhV6973V2T3GGpppchx4Y5HAUmwytvKPUC1"
        + "wrH67E5ZnOpdbGHeXnATzAo66jhBx6MpXqQ/eh7zK2S9Ws0AxdO9yKzzUQAP3iEqkOIQVFDoLqMg1TuRxSuaIbywkDlF7wZfI2lqWd4cEOehmX"
        + "iiytM4GWN7Z1is0W+jIUBoDrVNYaxVQ0QndbHHTbaAG+o17NICLY/1buFmFPVWpR3LoGb1Zr0MapkcPzqmwu5Tnb4p8cWjadJxwphCjWDv6f1R"
        + "Y1iw7fsViFOagkDNFxWhBzSpSK0bZib5Tce6yvKYWmqsbtmz1e8BNa+FYVI3EkFBSAOQASWhEr8Iq23QLTQgJWPLVu1VCBEfmT2XpnIVqrAo8e"
        + "StHcguYdZwqrGZjOVlIv8H9Dbvdj7wEIabrGmjRTutZXPxfdnZj4mxlDTTOR6GI/TvpLI0XC8VNLXmO6ccgjBNx7JCknhqe1xrINA7gX/Vi7ta"
        + "0AcAAA=="

    /// A member without content.
    static let empty = "H4sIAAAAAAACAwMAAAAAAAAAAAA="

    private static func bytes(_ base64: String) -> [UInt8] { Array(Data(base64Encoded: base64) ?? Data()) }

    private func decoded(_ body: [UInt8], _ coding: String, limit: Int = 100_000) -> HTTPReply {
        ContentCoding.decoded(HTTPReply(status: 200, headers: ["content-encoding": coding], body: body), atMost: limit)
    }

    @Test(arguments: [
        (stored, "gzip"), (fixed, "gzip"), (fixed, "x-gzip"), (fixed, "GZIP"), (fixed, " gzip , identity"), (flags, "Gzip"),
        (zlib, "deflate"), (raw, "deflate"),
    ])
    func `a compressed body is read`(body: String, coding: String) {
        let reply = decoded(Self.bytes(body), coding)
        #expect(String(decoding: reply.body, as: UTF8.self) == Self.text)
        #expect(reply.bodyFailure == nil)
    }

    @Test func `dynamic codes, several members, and padding are read`() {
        let dynamic = Self.bytes(Self.dynamic)
        #expect(decoded(dynamic, "gzip").body.count == 2000)
        #expect(decoded(dynamic, "gzip").bodyFailure == nil)
        let members = dynamic + Self.bytes(Self.fixed) + Self.bytes(Self.stored) + [0, 0, 0]
        let reply = decoded(members, "gzip")
        #expect(reply.bodyFailure == nil)
        #expect(reply.body.count == 2000 + 2 * Self.text.utf8.count)
    }

    @Test func `a body that is not compressed is left as it is`() {
        for coding in ["identity", "", "utf-8", "br", "none"] {
            #expect(decoded(Array("{}".utf8), coding).body == Array("{}".utf8))
            #expect(decoded(Array("{}".utf8), coding).bodyFailure == nil)
        }
        #expect(decoded([], "gzip").bodyFailure == nil, "no body has no coding")
    }

    @Test func `decoding stops at the limit`() {
        // A million zeros: 1,003 bytes, as long matches at distance one.
        var body = Self.bytes("H4sIAAAAAAACA+3BAQEAAACCIP+vbkhA") + [1] + [UInt8](repeating: 0, count: 950)
        #expect(decoded(body, "gzip", limit: 1000).bodyFailure?.kind == .responseTooLarge)
        #expect(decoded(body, "gzip", limit: 1000).body == [UInt8](repeating: 0, count: 1000))
        body = Self.bytes(Self.fixed)
        #expect(decoded(body, "gzip", limit: Self.text.utf8.count).bodyFailure == nil)
        #expect(decoded(body, "gzip", limit: Self.text.utf8.count - 1).bodyFailure?.kind == .responseTooLarge)
    }

    @Test func `a gzip body of a thousand members is read, and one of more is refused`() {
        let empty = Self.bytes(Self.empty)
        let members = [[UInt8]](repeating: empty, count: 999).flatMap { $0 } + Self.bytes(Self.fixed)
        #expect(decoded(members, "gzip").bodyFailure == nil)
        #expect(String(decoding: decoded(members, "gzip").body, as: UTF8.self) == Self.text)
        let reply = decoded(empty + members, "gzip")
        #expect(reply.bodyFailure?.kind == .invalidResponse && reply.body.isEmpty && reply.status == 200)
    }

    @Test func `a body with two codings, and one that breaks off anywhere, keep the status and a reason`() {
        #expect(decoded(Self.bytes(Self.fixed), "gzip, gzip").bodyFailure?.kind == .invalidResponse)
        for body in [Self.stored, Self.fixed, Self.flags, Self.dynamic].map(Self.bytes) {
            for count in 1..<body.count {
                let reply = decoded(Array(body[..<count]), "gzip")
                #expect(reply.status == 200)
                #expect(reply.bodyFailure?.kind == .invalidResponse, "\(count)")
            }
        }
        let cut = HTTPReply(
            status: 200, headers: ["content-encoding": "gzip"], body: Array(Self.bytes(Self.stored)[..<40]),
            bodyFailure: TransportFailure(.connectionClosed, detail: "x"))
        let reply = ContentCoding.decoded(cut, atMost: 1000)
        #expect(reply.bodyFailure?.kind == .connectionClosed)
        #expect(Self.text.utf8.starts(with: reply.body) && !reply.body.isEmpty)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a damaged body is refused or decoded, within the limit`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let (body, coding) =
            [
                (Self.stored, "gzip"), (Self.fixed, "gzip"), (Self.flags, "gzip"), (Self.dynamic, "gzip"), (Self.zlib, "deflate"),
                (Self.raw, "deflate"),
            ].randomElement(using: &random) ?? (Self.raw, "deflate")
        var bytes = Self.bytes(body)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        #expect(decoded(bytes, coding, limit: 1500).body.count <= 1500)
    }
}
