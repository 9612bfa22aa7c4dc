/// An input that begins with a line of choices, such as `vg list 200`; the rest is what a remote sends.
///
/// Every line is a valid choice, so that the fuzzer does not waste its time on lines: what is not the name of a choice selects one by its
/// bytes.
struct FuzzInput {
    private var words: ArraySlice<ArraySlice<UInt8>>
    let rest: [UInt8]

    init(_ bytes: [UInt8]) {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        words = line.split(separator: UInt8(ascii: " "))[...]
        rest = Array(bytes.dropFirst(line.count + 1))
    }

    /// The next word as one of the choices; the first one if no word is left.
    mutating func choose<Choice>(among choices: [(name: String, value: Choice)]) -> Choice {
        guard let word = words.popFirst() else { return choices[0].value }
        return choices.first { word.elementsEqual($0.name.utf8) }?.value ?? choices[FuzzInput.number(word) % choices.count].value
    }

    /// The next word as a status code of HTTP.
    mutating func chooseStatus() -> Int {
        guard let word = words.popFirst() else { return 200 }
        return Int(String(decoding: word, as: UTF8.self)).flatMap { (100...599).contains($0) ? $0 : nil } ?? 200 + FuzzInput.number(word)
            % 400
    }

    private static func number(_ word: ArraySlice<UInt8>) -> Int { word.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF } }
}
