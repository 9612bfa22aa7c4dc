import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// A URL becomes an origin, a request line and a `Host`.
@Suite struct CallTargetTests {
    @Test(arguments: [
        ("http://example.com", "example.com", 80, "/", "example.com"),
        ("https://example.com/a?b=c", "example.com", 443, "/a?b=c", "example.com"),
        ("HTTPS://example.com:8443/a#part", "example.com", 8443, "/a", "example.com:8443"),
        ("http://example.com:80?x", "example.com", 80, "/?x", "example.com"), ("http://[::1]:8080/a", "::1", 8080, "/a", "[::1]:8080"),
        ("http://[fe80::1%25eth0]/", "fe80::1%eth0", 80, "/", "[fe80::1]"),
        ("http://127.0.0.1:81/a%2Fb//c", "127.0.0.1", 81, "/a%2Fb//c", "127.0.0.1:81"),
        ("http://user:password@example.com/", "example.com", 80, "/", "example.com"),
        ("https://example.com:/a b/\u{E9}?\u{1}", "example.com", 443, "/a%20b/%C3%A9?%01", "example.com"),
    ])
    func `a URL is split into its parts`(url: String, host: String, port: Int, path: String, field: String) throws {
        let target = try CallTarget(url)
        #expect(target.origin == Origin(isSecure: url.lowercased().hasPrefix("https"), host: host, port: port))
        #expect(target.path == path)
        #expect(target.origin.hostField == field)
    }

    @Test(arguments: [
        "", "example.com", "ftp://example.com/", "http://", "http://:80/", "http://[::1/", "http://a:0/", "http://a:99999/", "http://a b/",
    ])
    func `a text that is not the URL of a server is refused before anything is sent`(url: String) {
        do throws(TransportFailure) {
            _ = try CallTarget(url)
            Issue.record("taken")
        } catch {
            #expect(!error.mayHaveBeenApplied)
        }
    }

    @Test func `an address has no server name, and the last dot of a name is removed`() {
        func name(_ host: String) -> String? { Origin(isSecure: true, host: host, port: 443).serverName }
        #expect(name("127.0.0.1") == nil)
        #expect(name("fe80::1%eth0") == nil)
        #expect(name("example.com.") == "example.com")
    }

    @Test func `a header value cannot add another header, and a call that cannot be written was not sent`() {
        let headers = [
            ("X", "1\r\nY: 2"), ("X", "\n"), ("X: 1\r\nY", "2"), ("", "1"), ("X", "\u{0}"), ("X", "\u{1B}[1m"), ("X", "\u{7F}"),
        ]
        var calls = headers.map { HTTPCall(method: "GET", url: "http://example.com/", headers: [(name: $0.0, value: $0.1)], body: "") }
        calls.append(HTTPCall(method: "GET / HTTP/1.1\r\n", url: "http://example.com/", headers: [], body: ""))
        for call in calls {
            do throws(TransportFailure) {
                _ = try RequestMessage(call)
                Issue.record("written: \(call)")
            } catch {
                #expect(error.kind == .invalidRequest && !error.mayHaveBeenApplied)
            }
        }
    }

    @Test(arguments: ["", "a\tb", "2.14", "\u{E9}"])
    func `any other header value is written`(value: String) throws {
        let call = HTTPCall(method: "GET", url: "http://example.com/", headers: [(name: "X", value: value)], body: "")
        #expect(String(buffer: try RequestMessage(call).bytes).contains("\r\nX: \(value)\r\n"))
    }
}
