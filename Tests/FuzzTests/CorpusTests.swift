import Foundation
import FuzzProperties
import Testing

/// Replays the inputs of Fuzz/Corpus without the fuzzer.
@Suite struct CorpusTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fuzz/Corpus")

    private static func inputs(_ target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        let folder = folder.appending(path: target.name)
        return try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted().map { name in
            (name, Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }

    @Test func `every target has a corpus, and every corpus a target`() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(folders.sorted() == FuzzTarget.all.map(\.name).sorted())
    }

    @Test(arguments: FuzzTarget.all) func `no input of the corpus breaks a promise`(target: FuzzTarget) throws {
        var accepted = 0
        var refused = 0
        for (name, bytes) in try Self.inputs(target) {
            do throws(BrokenPromise) {
                switch try target.check(bytes) {
                case .accepted: accepted += 1
                case .refused: refused += 1
                }
            } catch {
                Issue.record("\(name): \(error)")
            }
        }
        #expect(accepted >= 5, "the corpus shows what is accepted")
        #expect(refused >= 3, "the corpus shows what is refused")
    }

    /// The fuzzer tries every prefix of an input soon; these are the first ones.
    @Test(arguments: FuzzTarget.all) func `an input that is cut off breaks no promise`(target: FuzzTarget) throws {
        for (name, bytes) in try Self.inputs(target) {
            for length in stride(from: 0, to: bytes.count, by: max(bytes.count / 40, 1)) {
                do throws(BrokenPromise) {
                    _ = try target.check(Array(bytes[..<length]))
                } catch {
                    Issue.record("\(name), \(length) bytes: \(error)")
                }
            }
        }
    }
}
