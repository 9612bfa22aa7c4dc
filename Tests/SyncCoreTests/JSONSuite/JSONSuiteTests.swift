import SyncCore
import Testing

@Suite struct JSONSuiteTests {
    /// So that no case gets lost: the numbers of the suite's files.
    @Test func `every case of the suite is in the table once`() {
        #expect(JSONSuite.accepted.count == 95)
        #expect(JSONSuite.refused.count == 188)
        #expect(JSONSuite.undefined.count == 35)
        for (cases, prefix) in [(JSONSuite.accepted, "y_"), (JSONSuite.refused, "n_"), (JSONSuite.undefined, "i_")] {
            #expect(cases.allSatisfy { $0.name.hasPrefix(prefix) })
            #expect(Set(cases.map(\.name)).count == cases.count)
        }
    }

    @Test(arguments: JSONSuite.accepted) func `what has to be accepted is read, with the right value`(text: JSONSuiteCase) throws {
        let written = try JSONValue(bytes: text.bytes).text
        #expect(Array(written.utf8) == text.written)
    }

    @Test(arguments: JSONSuite.refused) func `what has to be refused is refused, at the first byte that cannot follow`(text: JSONSuiteCase)
    {
        guard let offset = refusal(of: text.bytes)?.offset else {
            return _ = Issue.record("\(text.name) is read")
        }
        // The text before is not refused earlier, and the byte there is refused whatever follows it.
        #expect((0...text.bytes.count).contains(offset))
        let before = refusal(of: Array(text.bytes[..<offset]))
        #expect(before == nil || before == .invalid(at: offset))
        if offset < text.bytes.count { #expect(refusal(of: Array(text.bytes[...offset]))?.offset == offset) }
    }

    @Test(arguments: JSONSuite.undefined) func `what RFC 8259 leaves open is read or refused as the table says`(text: JSONSuiteCase) {
        let result = Result { () throws(JSONTextError) in try JSONValue(bytes: text.bytes).text }
        switch result {
        case .success(let written): #expect(Array(written.utf8) == text.written)
        case .failure(let error): #expect(error == text.error)
        }
    }

    @Test(
        arguments: [
            ("", .invalid(at: 0)), (" ", .invalid(at: 1)), ("\u{FEFF}", .invalid(at: 3)), ("[1,]", .invalid(at: 3)),
            ("01", .invalid(at: 1)),
            ("-", .invalid(at: 1)), ("[-x]", .invalid(at: 2)), ("1.e1", .invalid(at: 2)), ("1e+", .invalid(at: 3)),
            ("truex", .invalid(at: 4)),
            ("tru", .invalid(at: 3)), ("trxe", .invalid(at: 2)), ("\"é", .invalid(at: 3)), ("\"a\n\"", .invalid(at: 2)),
            (#""\x""#, .invalid(at: 2)), (#""\u12""#, .invalid(at: 5)), (#""\u123"#, .invalid(at: 6)),
            (#""\ud800\u1x34""#, .invalid(at: 10)),
            (#""\ud800\x""#, .invalid(at: 8)), (#"{"a" 1}"#, .invalid(at: 5)), (#"{"a":1,}"#, .invalid(at: 7)), ("[1] 2", .invalid(at: 4)),
            (String(repeating: "[", count: 300), .tooDeep(at: 256)), (String(repeating: #"{"a":"#, count: 300), .tooDeep(at: 1280)),
        ] as [(String, JSONTextError)])
    func `an error has the position of the first byte that cannot follow`(text: String, error: JSONTextError) {
        #expect(refusal(of: Array(text.utf8)) == error)
    }

    private func refusal(of bytes: [UInt8]) -> JSONTextError? {
        do {
            _ = try JSONValue(bytes: bytes)
            return nil
        } catch {
            return error
        }
    }
}
