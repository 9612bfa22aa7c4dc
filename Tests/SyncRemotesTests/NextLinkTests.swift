import SyncCore
import SyncRemotes
import Testing

/// Next links that lead to another host, or nowhere.
@Suite struct NextLinkTests {
    private let voicebot = Kind.voicebot.adapter(Profile(name: "voicebot", kind: .voicebot))

    private func body(next link: String, currentPage: JSONValue? = nil) -> JSONValue {
        var body: JSONObject = ["data": [["id": 1]], "links": ["next": .string(link)]]
        if let currentPage { body["meta"] = ["current_page": currentPage] }
        return .object(body)
    }

    /// The path of the next call; nil at the end of the list.
    private func nextPath(_ link: String, currentPage: JSONValue? = nil, after token: PageToken? = nil) throws -> String? {
        let page = try voicebot.page(in: body(next: link, currentPage: currentPage), after: token)
        return page.next.flatMap { voicebot.listCall(agent: nil, after: $0) }?.path
    }

    @Test(arguments: [
        "https://evil.example.com/conversations?page=2", "http://evil.example.com:8443/x/y/z?page=2", "//evil.example.com?page=2",
        "https://voicebot.example.com@evil.example.com/?page=2", "https://user:secret@evil.example.com/conversations?page=2",
        "javascript:alert(1)?page=2", "?page=2", "/conversations?page=2", "../../admin?page=2", "conversations?page=2#fragment",
        "https://evil.example.com?page=2#@elsewhere.example.com/?page=9",
    ])
    func `only the query of a next link is used, and the call goes to the configured path`(_ link: String) throws {
        #expect(try nextPath(link) == "/conversations?page=2")
    }

    @Test(arguments: [
        "", "?", "#?page=2", "https://voicebot.example.com/conversations", "?page", "?page=", "?page=0", "?page=1", "?page=-2",
        "?page=+2", "?page=02", "?page=2.0", "?page=2e3", "?page=two", "?page=9223372036854775808", "?page=1000001", "?per_page=15",
        "?page=2&page=1", "?page=2&%70age=1", "?page=2&page%5B%5D=1", "?page=2&&", "?page=2&", "?&page=2", "?page=2&=x", "?page=2&x",
        "?page=2?page=3", "?page=2/../../admin", "?page=2&x=a b", "?page=2&x=%", "?page=2&x=%4", "?page=2&x=%zz", "?page=2&x=%+4",
        "?page=2&x=%0d%0aHost:evil.example.com", "?page=2&x=%00", "?page=2&x=%7F", "?page=2&x=\r\nHost: evil.example.com",
        "?page=2&x=@evil.example.com", "?page=2&x=é", "?page=2&x[]=1", "?page=2&x=\"", "?page=2&x=;y=1", "?cursor=", "?cursor=a=b",
    ])
    func `a next link without a plain query ends the list`(_ link: String) throws {
        #expect(try nextPath(link) == nil)
    }

    @Test(arguments: ["?page=2&q=a%20b+c", "?page=1000000", "?q=-._~&page=3", "?cursor=eyJpZCI6MX0%3D", "?page=2&cursor=abc"])
    func `a plain query is used unchanged`(_ link: String) throws {
        #expect(try nextPath(link) == "/conversations" + link)
    }

    @Test func `a very long link ends the list`() throws {
        let long = String(repeating: "x", count: 600)
        #expect(try nextPath("?page=2&q=\(long)") == nil)
        #expect(try nextPath("https://voicebot.example.com/\(String(repeating: "x", count: 5000))?page=2") == nil)
    }

    @Test(arguments: [(2, nil), (3, nil), (9, nil), (1, "/conversations?page=2")] as [(Int64, String?)])
    func `a next page that is not after the current one ends the list`(_ current: Int64, _ path: String?) throws {
        #expect(try nextPath("?page=2", currentPage: .integer(current)) == path)
    }

    @Test(arguments: [.null, "1", "9", [:], -4] as [JSONValue])
    func `an invalid current page does not end the list`(_ current: JSONValue) throws {
        #expect(try nextPath("?page=2", currentPage: current) == "/conversations?page=2")
    }

    @Test(arguments: [("page=2", nil), ("page=9", nil), ("page=2&q=1", nil), ("cursor=x", "/conversations?page=2")] as [(String, String?)])
    func `a next page that is not after the requested one ends the list`(_ token: String, _ path: String?) throws {
        #expect(try nextPath("?page=2", after: PageToken(token)) == path)
    }

    @Test func `a cursor of more than 2,048 bytes ends the list`() throws {
        let vg = Kind.vg.adapter(Profile(name: "vg", kind: .vg, agentID: "a"))
        for (length, goesOn) in [(2048, true), (2049, false)] {
            let body: JSONValue = ["success": true, "data": [], "nextCursor": .string(String(repeating: "x", count: length))]
            #expect(try (vg.page(in: body, after: nil).next != nil) == goesOn)
        }
    }

    @Test func `a list that always links to a next page ends`() throws {
        var token: PageToken?
        var calls = 0
        repeat {
            // The remote reports a wrong current page.
            let page = try voicebot.page(in: body(next: "?page=\(2 + calls % 7)", currentPage: 1), after: token)
            token = page.next
            calls += 1
        } while token != nil && calls < 100
        #expect(calls == 8)
    }

    @Test(arguments: ["page=2#x", "page=2 ", "page=2\r\nHost: evil.example.com", "", "https://evil.example.com/?page=2"])
    func `a token that is not from a page leads to no call`(_ token: String) {
        #expect(voicebot.listCall(agent: nil, after: PageToken(token)) == nil)
    }
}
