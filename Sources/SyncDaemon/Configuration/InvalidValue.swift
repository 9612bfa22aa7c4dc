/// What is wrong with the value of a key: the rest of a sentence that begins with the key.
struct InvalidValue: Error, Equatable {
    let reason: String

    init(_ reason: String) {
        self.reason = reason
    }
}
