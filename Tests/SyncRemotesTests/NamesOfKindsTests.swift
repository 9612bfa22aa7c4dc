import Foundation
import SyncCore
import SyncRemotes
import Testing

/// What is true of a kind of remote is in its folder of SyncRemotes: elsewhere no code names a kind or a vendor, or compares kinds.
/// (Comments may, and so may the simulated systems.)
@Suite struct NamesOfKindsTests {
    /// The modules in which no kind may be named.
    private static let rooms = ["SyncCore", "SyncEngine", "SyncStore", "SyncSQLite", "SyncHTTP", "SyncSystem", "SyncDaemon", "convosync"]

    private static let names: Set<String> = Set(Kinds.all.names).union(["intercom", "voiceglow", "convocore", "studio"])

    /// Lines that name one nevertheless.
    private static let allowed = [
        // Values of the schema, which applications see.
        "case receiver = \"fin\"", "AND held_by = 'fin'", "AND author = 'fin')",
        "VALUES (\\(message.rowID), \\(message.conversationID), 'fin', \\(message.body), \\(at))",
        // An example in a help text.
        "Example: convosync init --remote helpdesk",
    ]

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Sources")

    private struct Source {
        var room: String
        var file: String
        var text: String

        /// The code of the lines that contain one of these texts, in whichever case.
        func lines(with texts: some Sequence<String>) -> [(place: String, code: String)] {
            let whole = text.lowercased()
            let texts = texts.filter { whole.contains($0) }
            guard !texts.isEmpty else { return [] }
            return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap { index, line in
                let lowercased = line.lowercased()
                guard texts.contains(where: lowercased.contains) else { return nil }
                return ("\(room)/\(file):\(index + 1)", NamesOfKindsTests.withoutComment(String(line)))
            }
        }
    }

    private static func sourcesOfRooms() throws -> [Source] {
        var sources: [Source] = []
        for room in rooms {
            let folder = root.appendingPathComponent(room)
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
            for file in files {
                let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
                sources.append(Source(room: room, file: file, text: text))
            }
        }
        return sources
    }

    fileprivate static func withoutComment(_ line: String) -> String {
        // `https://` in a text does not begin a comment.
        guard let found = line.range(of: "//"), found.lowerBound == line.startIndex || line[line.index(before: found.lowerBound)] != ":"
        else { return line }
        return String(line[..<found.lowerBound])
    }

    /// `FinReplyGate`, `isVGRemote` and `"fin"` contain the words `fin` and `vg`; `finished` does not.
    static func words(in code: String) -> Set<String> {
        var words: Set<String> = []
        var word = ""
        func end() {
            if !word.isEmpty { words.insert(word.lowercased()) }
            word = ""
        }
        let characters = Array(code)
        for (index, character) in characters.enumerated() {
            guard character.isASCII, character.isLetter else {
                end()
                continue
            }
            let next = index + 1 < characters.count ? characters[index + 1] : " "
            let beginsWord = character.isUppercase && (word.last?.isLowercase == true || (word.count > 1 && next.isLowercase))
            if beginsWord { end() }
            word.append(character)
        }
        end()
        return words
    }

    @Test func `no code outside of SyncRemotes names a kind or a vendor`() throws {
        let sources = try Self.sourcesOfRooms()
        #expect(sources.count > 150, "the sources are found")
        for (place, code) in sources.flatMap({ $0.lines(with: Self.names) }) where !Self.allowed.contains(where: code.contains) {
            let named = Self.words(in: code).intersection(Self.names)
            #expect(named.isEmpty, "\(place) names \(named.sorted()): \(code)")
        }
    }

    @Test func `no code outside of SyncRemotes compares kinds`() throws {
        for (place, code) in try Self.sourcesOfRooms().flatMap({ $0.lines(with: [".kind ==", ".kind !="]) }) {
            #expect(!code.contains(/(remote|Remote|profile)\.kind (==|!=)/), "\(place): \(code)")
        }
    }

    @Test func `every listed exception still occurs`() throws {
        let sources = try Self.sourcesOfRooms()
        for exception in Self.allowed { #expect(sources.contains { $0.text.contains(exception) }, "\(exception)") }
    }

    @Test(arguments: [
        ("let gate = FinReplyGate()", "fin"), ("if isVG { }", "vg"), ("case .voicebot: 1", "voicebot"), ("\"vg\"", "vg"),
        ("VGEvent.read", "vg"), ("remote is Fin's", "fin"), ("held_by = 'fin'", "fin"), ("https://api.intercom.io", "intercom"),
    ])
    func `names are found within identifiers and texts`(code: String, name: String) {
        #expect(Self.words(in: code).contains(name))
    }

    @Test(arguments: ["finished", "isFinal", "define", "confining", "FINISHED"])
    func `similar words are not taken for names`(code: String) {
        #expect(Self.words(in: code).isDisjoint(with: Self.names))
    }
}
