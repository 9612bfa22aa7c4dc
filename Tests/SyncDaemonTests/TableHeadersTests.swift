import Testing

@testable import SyncDaemon

@Suite struct TableHeadersTests {
    @Test(arguments: [
        ("[\n", 1), ("[ \t\n", 1), ("[[\nx = 1", 1), ("a = 1\n[#", 2), ("[=]", 1), ("[ = ]", 1), ("[.a]", 1), ("[[[a]]]", 1), ("[[.a]]", 1),
        ("[!a]", 1),
        ("[\u{E9}]", 1), ("[\r\n]", 1), ("\u{FEFF}[.a]", 1), ("# [\n\n [.a]", 3), ("a = '''\n[\n'''\n[.a]", 4),
        ("a = [\n[\n1]\n]\n[.a]", 5),
        ("a = \"\\\"\"\n[.a]", 2), ("a = \"\"\"x\"\"\"\"\"\n[.a]", 2), ("a = {b = 1}\n[,]", 2),
    ])
    func `a header without a key is found, and refused with its line`(source: String, line: Int) {
        #expect(TableHeaders.lineWithoutKey(in: source) == line)
        let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile.members(of: source) }
        #expect(error?.problems.map(\.line) == [line])
    }

    /// Without the check, the process would end at some of these.
    @Test(arguments: [
        "[a]", "[[a]]", "[ a ]", "[\"é\"]", "['a']", "[-a]", "[_]", "[1]", "a = [\n  [\n    1\n  ]\n]", "a = \"\"\"\n[\n\"\"\"",
        "a = '''\n[.a]\n'''",
        "a = \"\\\\\"\n[b]", "a = [ # [\n  '[',\n  \"[.\"\n]", "# [.a]", "a = '[.a]'",
    ])
    func `a valid text has none`(source: String) throws {
        #expect(TableHeaders.lineWithoutKey(in: source) == nil)
        _ = try ConfigurationFile.members(of: source)
    }

    @Test(arguments: ["[", "[[", "[ ", "[]", "[[]]", "[ [a]]", "[a", "a = \"[.a]", "a = '''[", "a = [", "[a]]"])
    func `what the library refuses is left to it`(source: String) {
        #expect(TableHeaders.lineWithoutKey(in: source) == nil)
        #expect(throws: ConfigurationError.self) { try ConfigurationFile.members(of: source) }
    }
}
