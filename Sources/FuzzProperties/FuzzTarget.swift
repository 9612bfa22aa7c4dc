/// One kind of input from outside, and what has to hold whatever it contains. Used by the fuzzer (`make fuzz`) and by the tests, which
/// replay the inputs in Fuzz/Corpus.
package struct FuzzTarget: Sendable {
    /// What the program does with an input. A corpus has inputs of both sorts.
    package enum Reading: Sendable {
        case accepted
        case refused
    }

    /// As in the name of its folder in Fuzz/Corpus.
    package let name: String
    /// Reads one input, and checks every promise about the result.
    package let check: @Sendable ([UInt8]) throws(BrokenPromise) -> Reading

    package static let all = [
        FuzzTarget(name: "configuration", check: ConfigurationPromises.check),
        FuzzTarget(name: "json", check: JSONPromises.check),
        FuzzTarget(name: "responses", check: ResponsePromises.check),
        FuzzTarget(name: "waits", check: WaitPromises.check),
        FuzzTarget(name: "webhooks", check: WebhookPromises.check),
    ]
}

/// A promise that does not hold for an input.
package struct BrokenPromise: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }

    /// - Parameter promise: a sentence that states what should be the case, with the values that contradict it.
    static func unless(_ holds: Bool, _ promise: @autoclosure () -> String) throws(BrokenPromise) {
        guard holds else { throw BrokenPromise(promise()) }
    }
}
