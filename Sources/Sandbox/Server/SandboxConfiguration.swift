/// The settings of a sandbox.
package struct SandboxConfiguration: Sendable {
    /// The address to listen on. Use a loopback address, because the control calls need no credential.
    package var host = "127.0.0.1"
    /// 0 lets the system choose a free port.
    package var port = 0
    /// The bearer token of every instance without a token of its own.
    package var token = "sandbox-token"
    /// How many requests are recorded; further ones are only counted.
    package var recordLimit = 200_000
    /// A file that finished requests are appended to, one line of JSON each.
    package var recordFile: String?
    /// The seed of the random numbers for fault rules with a probability.
    package var seed: UInt64 = 1
    /// The number of event loops. One is enough for several thousand requests a second.
    package var threads = 1

    package init() {}
}
