/// How a sandbox is started.
package struct SandboxConfiguration: Sendable {
    /// The address to listen on. The control calls need no credential: keep it a loopback address.
    package var host = "127.0.0.1"
    /// 0 lets the system pick a free port.
    package var port = 0
    /// The bearer token of every instance that has none of its own.
    package var token = "sandbox-token"
    /// Requests recorded; those beyond it are counted only.
    package var recordLimit = 200_000
    /// A file that finished requests are appended to, one line of JSON each.
    package var recordFile: String?
    /// For the draws of fault rules with a probability.
    package var seed: UInt64 = 1
    /// Event loops. One is enough for several thousand requests a second.
    package var threads = 1

    package init() {}
}
