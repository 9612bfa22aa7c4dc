import Foundation
import SandboxModel
import Testing

/// Everything about one kind is in the folder of that kind.
struct KindKnowledgeTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    /// The code of the sandbox outside of the folders of kinds, line by line, without comments.
    private static func lines(in rooms: [String]) throws -> [(file: String, code: String)] {
        var lines: [(file: String, code: String)] = []
        for room in rooms {
            let root = sources.appending(path: room)
            let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
            for case let file as URL in files where file.pathExtension == "swift" {
                let path = String(file.path.dropFirst(sources.path.count + 1))
                guard path.split(separator: "/").count < 4 || !path.hasPrefix("SandboxModel/Remotes/") else { continue }
                for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                    let code = line.trimmingCharacters(in: .whitespaces)
                    if !code.hasPrefix("//") { lines.append((path, code)) }
                }
            }
        }
        try #require(lines.count > 1_000)
        return lines
    }

    /// Whether a line contains the name of a kind, a vendor or a product, alone or at the beginning of another name.
    private static func namesAKind(_ code: String) -> Bool {
        let lowercased = code.lowercased()
        if ["helpdesk", "intercom", "voicebot", "laravel", "voiceglow", "convocore"].contains(where: lowercased.contains) { return true }
        return code.split { !$0.isLetter }.contains { word in
            ["fin", "Fin", "vg", "VG"].contains { word.hasPrefix($0) && word.dropFirst($0.count).first?.isLowercase != true }
        }
    }

    @Test func `no other file except for the list of kinds names a kind`() throws {
        let named = try Self.lines(in: ["Sandbox", "SandboxModel", "convosync-sandbox"]).filter { Self.namesAKind($0.code) }
        #expect(named.map(\.file) == ["SandboxModel/Remotes/SimulatedKind.swift"])
        #expect(named.first?.code == "package static let all: [SimulatedKind] = [.helpdesk, .fin, .voicebot, .vg]")
    }

    @Test func `the model imports only what it needs to compute`() throws {
        let lines = try Self.lines(in: ["SandboxModel"])
        #expect(lines.map(\.code).filter { $0.hasPrefix("import ") } == ["import Crypto"])
        for code in ["Date()", "UUID()", "SystemRandomNumberGenerator", ".random(", "ContinuousClock", "Task {"] {
            #expect(lines.filter { $0.code.contains(code) }.map(\.file) == [])
        }
    }
}
