import Testing

@testable import SyncDaemon

@Suite struct FatalTOMLTests {
    @Test(arguments: [
        ("[\n", 1), ("[ \t\n", 1), ("[[\nx = 1", 1), ("a = 1\n[#", 2), ("[=]", 1), ("[ = ]", 1), ("[.a]", 1), ("[[[a]]]", 1), ("[[.a]]", 1),
        ("[!a]", 1),
        ("[\u{E9}]", 1), ("[\r\n]", 1), ("\u{FEFF}[.a]", 1), ("# [\n\n [.a]", 3), ("a = '''\n[\n'''\n[.a]", 4),
        ("a = [\n[\n1]\n]\n[.a]", 5),
        ("a = \"\\\"\"\n[.a]", 2), ("a = \"\"\"x\"\"\"\"\"\n[.a]", 2), ("a = {b = 1}\n[,]", 2),
    ])
    func `a header without a key is found, and refused with its line`(source: String, line: Int) {
        #expect(FatalTOML.first(in: source)?.line == line)
        let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile.members(of: source) }
        #expect(error?.problems.map(\.line) == [line])
    }

    @Test(arguments: [
        ("a = 2026-01-31T[9:30:00", 1), ("a = 2026-01-31T \n", 1), ("\na = [2026-01-31t,2]", 2), ("a = [1, 2026-01-31T]", 1),
        ("a = {b = 1, c = 2026-01-31T}", 1), ("a = 2026-01-31T\"09:30:00\"", 1), ("a = [\n2026-01-31T#\n]", 2),
        ("a = 2026-01-31T\u{E9}", 1),
        ("a = 2026-99-99T:", 1),
    ])
    func `a date with a T and no time is found, and refused with its line`(source: String, line: Int) {
        #expect(FatalTOML.first(in: source)?.line == line)
        let error = #expect(throws: ConfigurationError.self) { try ConfigurationFile.members(of: source) }
        #expect(error?.problems.map(\.line) == [line])
        #expect(error?.problems.first?.message.contains("a time") == true)
    }

    /// Without the check, the process would end at some of these.
    @Test(arguments: [
        "[a]", "[[a]]", "[ a ]", "[\"é\"]", "['a']", "[-a]", "[_]", "[1]", "a = [\n  [\n    1\n  ]\n]", "a = \"\"\"\n[\n\"\"\"",
        "a = '''\n[.a]\n'''",
        "a = \"\\\\\"\n[b]", "a = [ # [\n  '[',\n  \"[.\"\n]", "# [.a]", "a = '[.a]'",
        "a = 2026-01-31T09:30:00", "a = 2026-01-31", "a = 2026-01-31 # T", "a = [2026-01-31, 2026-01-31t09:30:00Z]", "a = '2026-01-31T['",
        "2026-01-31T = 1", "[b]\n2026-01-31Tx = 1",
    ])
    func `a valid text has none`(source: String) throws {
        #expect(FatalTOML.first(in: source) == nil)
        _ = try ConfigurationFile.members(of: source)
    }

    @Test(arguments: [
        "[", "[[", "[ ", "[]", "[[]]", "[ [a]]", "[a", "a = \"[.a]", "a = '''[", "a = [", "[a]]", "a = 2026-01-31T", "a = 2026-01-31T9",
        "a = 2026-01-31Tx", "a = 2026-01T[",
    ])
    func `what the library refuses is left to it`(source: String) {
        #expect(FatalTOML.first(in: source) == nil)
        #expect(throws: ConfigurationError.self) { try ConfigurationFile.members(of: source) }
    }
}
