import Foundation
import SyncCore
import SyncRemotes
import Testing

@testable import SyncDaemon

/// config/convosync.toml, from which the manual page is made, repeats the description of every key of a remote.
@Suite struct RemoteKeysTests {
    private static let reference: String = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return (try? String(contentsOf: root.appendingPathComponent("config/convosync.toml"), encoding: .utf8)) ?? ""
    }()

    /// On one line, without comment signs.
    private static func plain(_ text: String) -> String {
        text.replacing("#", with: " ").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private static let described = RemoteKeys.all(Kinds.all) + Kinds.all.flatMap(\.keys)

    @Test(arguments: described.map(\.name))
    func `the reference shows the key with its default and its description`(name: String) throws {
        let text = Self.plain(Self.reference)
        let key = try #require(Self.described.first { $0.name == name })
        if case .table(let entries)? = key.standard {
            #expect(text.contains(Self.plain(key.meaning)))
            for (entry, value) in entries { #expect(Self.reference.contains("\n\(entry) = \"\(value)\"\n")) }
            return
        }
        let entry = "\(key.leaf) = \((key.standard ?? key.example)?.toml ?? "")"
        #expect(text.contains(entry), "\(entry)")
        guard !key.meaning.isEmpty else { return }
        let meaning = Self.plain(key.meaning)
        let table = key.name.split(separator: ".").first ?? ""
        let isBeside = text.contains("\(meaning) \(entry)") || text.contains("\(meaning) \(table) = { \(entry)")
        // After the value, where the reference shows an example of its own.
        let isBehind = text.ranges(of: entry).contains { found in
            let rest = text[found.upperBound...]
            let end =
                key.standard == nil && key.example == nil
                ? rest.dropFirst().firstIndex(of: "\"").map { rest[rest.index(after: $0)...] } : rest
            return end?.hasPrefix(" \(meaning)") == true
        }
        #expect(isBeside || isBehind, "\(meaning)")
    }

    @Test func `every key that the reader asks for is described`() throws {
        let described = Set(Self.described.map(\.name))
        let tables = Set(described.compactMap { $0.contains(".") ? $0.split(separator: ".").first.map(String.init) : nil })
        // Keys that must not exist, and those that a kind's vocabulary and operations describe.
        let others: Set<String> = ["token", "webhook.secret", "status", "paths"]
        for kind in Kinds.all {
            let prefix = "remotes.\(kind.name)."
            for path in try ConfigurationFile.knownKeys(Self.reference) where path.hasPrefix(prefix) {
                let key = String(path.dropFirst(prefix.count))
                guard !key.hasPrefix("status."), !key.hasPrefix("paths."), !key.hasPrefix("fields.") else { continue }
                #expect(described.contains(key) || tables.contains(key) || others.contains(key), "\(path)")
            }
        }
    }

    @Test func `no key is described twice`() {
        let names = Self.described.map(\.name)
        #expect(Set(names).count == names.count)
    }
}
