import Foundation

/// The targets of Package.swift, and what their sources import.
struct PackageManifest {
    struct Target {
        let name: String
        /// `testTarget`, `executableTarget`, `systemLibrary`, `target`.
        let kind: String
        /// Relative to the root of the repository.
        let folder: String
        /// Modules of other targets and of products.
        let dependencies: Set<String>
        /// For each module, one of the files that imports it.
        let imports: [String: String]
    }

    let targets: [Target]

    /// Modules of the toolchain, which are not declared.
    static let toolchain: Set<String> = [
        "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Darwin", "Musl", "Synchronization", "Testing",
    ]

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Read once.
    static let present = Result { try PackageManifest() }

    private init() throws {
        let text = try String(contentsOf: PackageManifest.root.appending(path: "Package.swift"), encoding: .utf8)
        let list = try PackageManifest.parentheses(after: "    targets: ", of: text)
        targets = try list.matches(of: /(?m)^ {8}\.(target|executableTarget|testTarget|systemLibrary)\(/).map { match in
            try PackageManifest.target(String(match.1), PackageManifest.parentheses(after: "", of: String(list[match.range.lowerBound...])))
        }
    }

    subscript(name: String) -> Target? { targets.first { $0.name == name } }

    /// A target and all of our targets that it depends on.
    func reached(from name: String) -> [Target] {
        var (reached, rest): ([Target], [String]) = ([], [name])
        while let next = rest.popLast() {
            guard let target = self[next], !reached.contains(where: { $0.name == next }) else { continue }
            reached.append(target)
            rest += target.dependencies
        }
        return reached
    }

    private static func target(_ kind: String, _ text: String) throws -> Target {
        let name = text.firstMatch(of: /name: "([^"]+)"/).map { String($0.1) } ?? ""
        let folder = text.firstMatch(of: /path: "([^"]+)"/).map { String($0.1) } ?? "\(kind == "testTarget" ? "Tests" : "Sources")/\(name)"
        let list = text.contains("dependencies: [") ? try parentheses(after: "dependencies: ", of: text) : ""
        let products = list.matches(of: /\.product\(name: "([^"]+)", package: "[^"]+"\)/).map { String($0.1) }
        let own = list.replacing(/\.product\([^)]*\)/, with: "").matches(of: /"([^"]+)"/).map { String($0.1) }
        return Target(
            name: name, kind: kind, folder: folder, dependencies: Set(products + own), imports: try imports(in: folder))
    }

    /// The text between the first bracket after `mark` and the matching one. No string of the manifest contains a bracket.
    private static func parentheses(after mark: String, of text: String) throws -> String {
        guard let start = mark.isEmpty ? text.startIndex : text.range(of: mark)?.upperBound else { throw ManifestError(mark: mark) }
        var (depth, begin): (Int, String.Index?) = (0, nil)
        for index in text[start...].indices {
            if "([".contains(text[index]) {
                depth += 1
                begin = begin ?? text.index(after: index)
            } else if ")]".contains(text[index]) {
                depth -= 1
                if depth == 0, let begin { return String(text[begin..<index]) }
            }
        }
        throw ManifestError(mark: mark)
    }

    struct ManifestError: Error {
        let mark: String
    }

    private static func imports(in folder: String) throws -> [String: String] {
        var imports: [String: String] = [:]
        let folder = root.appending(path: folder)
        for case let file as URL in FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) ?? .init()
        where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            let line =
                /^ *(?:@\w+(?:\([^)]*\))? +)*(?:(?:public|package|internal|private) +)?import +(?:(?:struct|class|enum|protocol|func|let|var|typealias) +)?(\w+)/
            for candidate in text.split(separator: "\n") where candidate.utf8.count < 120 && candidate.contains("import ") {
                if let match = candidate.firstMatch(of: line) { imports[String(match.1)] = file.lastPathComponent }
            }
        }
        return imports
    }
}
