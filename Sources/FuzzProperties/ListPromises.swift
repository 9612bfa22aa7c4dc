import SyncCore
import SyncRemotes

/// The response to a call for a page of a list.
enum ListPromises {
    /// Of a next page, in bytes.
    private static let longestToken = 2048

    static func check(_ reply: HTTPReply, by reader: ReplyReader) throws(BrokenPromise) -> FuzzTarget.Reading {
        guard let body = try ResponsePromises.state(reply, by: reader) else { return .refused }
        let read = Result { () throws(Unreadable) in try reader.adapter.page(in: body, after: nil) }
        switch read {
        case .success(let page):
            for row in page.rows {
                try BrokenPromise.unless(!row.remoteID.isEmpty, "a row has an id")
                try ResponsePromises.check(row.observation)
            }
            if let next = page.next { try checkNext(next, in: body, by: reader.adapter) }
            return .accepted
        case .failure(let refusal):
            try ResponsePromises.check(refusal)
            return .refused
        }
    }

    /// No response can send the next call, with its token, to another path, and reading on comes to an end.
    private static func checkNext(_ next: PageToken, in body: JSONValue, by adapter: any Adapter) throws(BrokenPromise) {
        try BrokenPromise.unless(next.text.utf8.count <= longestToken, "a token is bounded")
        guard let first = adapter.listCall(agent: "a1", after: nil), let call = adapter.listCall(agent: "a1", after: next) else {
            throw BrokenPromise("there is a call for the next page: \(next)")
        }
        let paths = [first, call].map { $0.path.prefix { $0 != "?" } }
        try BrokenPromise.unless(paths[0] == paths[1], "the next page has the same path: \(call.path)")
        try BrokenPromise.unless(
            call.path.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }, "the query is encoded: \(call.path)")
        let again = Result { () throws(Unreadable) in try adapter.page(in: body, after: next) }
        if case .success(let page) = again { try BrokenPromise.unless(page.next == nil, "the same page is not read for ever: \(next)") }
    }
}
