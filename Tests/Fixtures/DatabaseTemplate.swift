import Foundation

/// A database file that is made once and copied for every test, because the migrations of an empty file take longer than most tests.
package struct DatabaseTemplate: Sendable {
    private struct Incomplete: Error {
        var files: [String]
    }

    private let contents: Data

    /// - Parameter make: makes the file at the path and closes it. It may write more files below other names than the database's.
    package init(_ make: (String) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        try make(directory.file("template.db"))
        try self.init(closedFile: "template.db", in: directory)
    }

    package init(closedFile name: String, in directory: TemporaryDirectory) throws {
        // A log beside the file would hold a part of it.
        let files = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter { $0.hasPrefix("\(name)-") }
        guard files.isEmpty else { throw Incomplete(files: files) }
        contents = try Data(contentsOf: URL(filePath: directory.file(name)))
    }

    package func copy(to path: String) throws { try contents.write(to: URL(filePath: path)) }
}
