/// Finds several consecutive words that also occur in a secret text, whatever is between them and in any case: a message that was cut off,
/// or a name in other letters.
struct QuotedPhrases: Sendable {
    /// The words of each text, in lower case.
    private let texts: [[String]]
    /// The positions of each word: text and place.
    private let places: [String: [(text: Int, place: Int)]]

    /// Phrases with fewer words or letters than these occur in many texts.
    private static let shortestPhrase = (words: 3, letters: 12)

    init(in secrets: Set<String>) {
        var texts: [[String]] = []
        var places: [String: [(text: Int, place: Int)]] = [:]
        for secret in secrets {
            let words = Redaction.words(in: secret).map { $0.lowercased() }
            guard words.count > 1 else { continue }
            for (place, word) in words.enumerated() { places[word, default: []].append((texts.count, place)) }
            texts.append(words)
        }
        self.texts = texts
        self.places = places
    }

    func removed(from text: String, mark: String) -> String {
        guard !texts.isEmpty else { return text }
        let words = Redaction.words(in: text)
        let lowercased = words.map { $0.lowercased() }
        var result = ""
        var rest = text.startIndex
        var place = 0
        while place < words.count {
            let length = longestPhrase(at: place, in: lowercased)
            guard length > 0 else {
                place += 1
                continue
            }
            result += text[rest..<words[place].startIndex] + mark
            place += length
            rest = words[place - 1].endIndex
        }
        return result + text[rest...]
    }

    /// The length in words; 0 if no phrase is long enough.
    private func longestPhrase(at start: Int, in words: [String]) -> Int {
        var longest = 0
        for (text, place) in places[words[start]] ?? [] {
            let secret = texts[text]
            var length = 1
            while start + length < words.count, place + length < secret.count, words[start + length] == secret[place + length] {
                length += 1
            }
            // The last word of a text that was cut off.
            let isCut = start + length == words.count - 1 && place + length < secret.count
            if isCut, length > 1, secret[place + length].hasPrefix(words[start + length]) { length += 1 }
            if length > longest, length == secret.count || counts(words[start..<start + length]) { longest = length }
            // Nothing longer is left; this also limits the work for a word that a text repeats many times.
            if longest == words.count - start { break }
        }
        return longest
    }

    private func counts(_ phrase: ArraySlice<String>) -> Bool {
        phrase.count >= QuotedPhrases.shortestPhrase.words
            && phrase.reduce(0) { $0 + $1.count } >= QuotedPhrases.shortestPhrase.letters
            && !phrase.allSatisfy(Redaction.technicalWords.contains)
    }
}
