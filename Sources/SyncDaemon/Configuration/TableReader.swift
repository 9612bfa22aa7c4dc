import SyncCore

/// Collects problems while a configuration is read.
final class ProblemList {
    private let lines: KeyLines
    private(set) var problems: [ConfigurationError.Problem] = []
    /// The dotted paths of all keys that were read, present or not.
    private(set) var askedFor: Set<String> = []
    /// The tokens and secrets named by enabled remotes, including remotes with other problems.
    private(set) var sources: [NamedSource] = []
    /// Remotes that the file names and that could not be read.
    private(set) var unreadRemotes: [UnreadRemote] = []

    init(lines: KeyLines) {
        self.lines = lines
    }

    /// - Parameters:
    ///   - place: the key whose line to show, if it differs from `path`.
    ///   - causes: the other tables because of which it is a problem.
    func add(_ path: String, _ message: String, at place: String? = nil, because causes: [String] = []) {
        problems.append(ConfigurationError.Problem(path: path, line: lines[place ?? path], message: message, causes: causes))
    }

    /// Whether the file itself contains that table or key.
    func hasLine(_ path: String) -> Bool { lines.has(path) }

    func note(_ source: NamedSource) {
        sources.append(source)
    }

    func note(_ remote: UnreadRemote) {
        unreadRemotes.append(remote)
    }

    func noteQuestion(_ path: String) {
        askedFor.insert(path)
    }
}

/// Reads one table key by key. Reports wrong types with the dotted path, and at the end every key that was not read.
///
/// TOMLKit is used for parsing only: it reports a wrong type as a missing key, so types are checked here.
struct TableReader {
    let path: String
    private let members: JSONObject
    private var known: Set<String> = []
    let problems: ProblemList

    init(path: String, members: JSONObject, problems: ProblemList) {
        self.path = path
        self.members = members
        self.problems = problems
    }

    var keys: [String] { members.keys.sorted() }

    func dotted(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    func has(_ key: String) -> Bool { members[key] != nil }

    mutating func value(_ key: String) -> JSONValue? {
        known.insert(key)
        problems.noteQuestion(dotted(key))
        return members[key]
    }

    mutating func string(_ key: String) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { return wrongType(key, value, expected: "a string") }
        return string
    }

    mutating func bool(_ key: String) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { return wrongType(key, value, expected: "true or false") }
        return bool
    }

    mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = value(key) else { return nil }
        guard let integer = value.integerValue.flatMap({ Int(exactly: $0) }) else {
            return wrongType(key, value, expected: "a whole number")
        }
        guard range.contains(integer) else {
            problems.add(dotted(key), "\(TableReader.shown(value)) is out of range, allowed: \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return integer
    }

    mutating func span(_ key: String, atLeast minimum: Duration = .zero) -> Duration? {
        guard let value = value(key) else { return nil }
        guard let span = value.stringValue.flatMap({ Duration(notation: $0) }) else {
            return wrongType(key, value, expected: "a duration with a unit, such as \"30s\", \"5m\" or \"1h30m\"")
        }
        guard span >= minimum else {
            problems.add(dotted(key), "\(span.notation) is too short, at least \(minimum.notation) is needed")
            return nil
        }
        guard span <= .longestConfigured else {
            problems.add(dotted(key), "\(TableReader.quoted(value)) is too long, at most \(Duration.longestConfigured.notation) is allowed")
            return nil
        }
        return span
    }

    /// Reads a key that is described as a number.
    mutating func integer(_ key: ConfigurationKey) -> Int? {
        guard case .integer(let range) = key.form else { preconditionFailure("\(key.name) is not described as a number") }
        return integer(key.leaf, in: range)
    }

    /// Reads a key that is described as a duration.
    mutating func span(_ key: ConfigurationKey) -> Duration? {
        guard case .duration(let minimum) = key.form else { preconditionFailure("\(key.name) is not described as a duration") }
        return span(key.leaf, atLeast: minimum)
    }

    mutating func byteSize(_ key: String) -> Int? {
        guard let value = value(key) else { return nil }
        guard let size = value.stringValue.flatMap(ByteSize.parse), size > 0 else {
            return wrongType(key, value, expected: "a size with a unit, such as \"512KiB\" or \"4MiB\"")
        }
        guard size <= ByteSize.largest else {
            problems.add(dotted(key), "\(TableReader.quoted(value)) is too large, at most 1GiB is allowed")
            return nil
        }
        return size
    }

    mutating func strings(_ key: String) -> [String]? {
        guard let value = value(key) else { return nil }
        guard let array = value.arrayValue, case let strings = array.compactMap(\.stringValue), strings.count == array.count else {
            return wrongType(key, value, expected: "an array of strings")
        }
        return strings
    }

    mutating func integers(_ key: String) -> [Int]? {
        guard let value = value(key) else { return nil }
        guard let array = value.arrayValue, case let numbers = array.compactMap({ $0.integerValue.flatMap { Int(exactly: $0) } }),
            numbers.count == array.count
        else { return wrongType(key, value, expected: "an array of whole numbers") }
        return numbers
    }

    /// Reads one of a few strings.
    mutating func word<Word: RawRepresentable & CaseIterable>(_ key: String, as type: Word.Type) -> Word? where Word.RawValue == String {
        word(key, among: Word.allCases.map(\.rawValue)).flatMap(Word.init(rawValue:))
    }

    mutating func word(_ key: String, among allowed: [String]) -> String? {
        guard let text = string(key) else { return nil }
        if allowed.contains(text) { return text }
        let hint = Spelling.hint(text, among: allowed)
        problems.add(dotted(key), "\(TableReader.shown(.string(text))) is not one of \(allowed.joined(separator: ", "))\(hint)")
        return nil
    }

    /// A missing table is read like an empty one.
    mutating func table(_ key: String) -> TableReader {
        let value = value(key)
        if let value, value.objectValue == nil { let _: Int? = wrongType(key, value, expected: "a table") }
        return TableReader(path: dotted(key), members: value?.objectValue ?? [:], problems: problems)
    }

    /// Reports the keys that were not read.
    func finish() {
        for key in keys where !known.contains(key) {
            problems.add(dotted(key), "unknown key\(Spelling.hint(key, among: known.sorted()))")
        }
    }

    private func wrongType<Value>(_ key: String, _ value: JSONValue, expected: String) -> Value? {
        problems.add(dotted(key), "expected \(expected), found \(TableReader.shown(value))")
        return nil
    }

    /// Quotes a text that was understood, and so cannot be a misplaced secret.
    private static func quoted(_ value: JSONValue) -> String { "\"\((value.stringValue ?? "").prefix(40))\"" }

    /// Whether a value can be shown: a longer one may be a misplaced token.
    static func isShort(_ text: some StringProtocol) -> Bool { text.count <= 16 }

    /// Shows short strings and numbers, which is enough to find the place.
    static func shown(_ value: JSONValue) -> String {
        switch value {
        case .string(let text) where isShort(text): "\"\(text)\""
        case .integer(let number) where isShort("\(number)"): "\(number)"
        case .number(let number) where isShort(number.text): number.text
        case .bool(let bool): "\(bool)"
        default: "a \(value.typeName)"
        }
    }
}

extension RateLimit {
    static func problem(with text: String) -> String {
        "\(TableReader.shown(.string(text))) is not a rate; write \"10/s\", \"600/min\", \"1500/h\" (1 to \(mostCalls) calls) or \"unlimited\""
    }
}

/// Sizes: `B`, `KiB`, `MiB`, `GiB`.
enum ByteSize {
    /// Responses are held in memory as a whole, in buffers with 32-bit sizes.
    static let largest = 1 << 30

    /// Nil for a text that is not a size; the largest number for a size that overflows.
    static func parse(_ text: String) -> Int? {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)]
        guard let (name, factor) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let digits = text.dropLast(name.count)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        let (size, overflow) = (Int(digits) ?? .max).multipliedReportingOverflow(by: factor)
        return overflow ? .max : size
    }
}
