/// The simulated systems as one value: instances, the record of requests, counts.
///
/// ```swift
/// var world = SimulatedWorld(seed: 7)
/// let exchange = world.receive(request, now: now)      // decided and applied
/// …                                                    // exchange.steps, exchange.webhookCalls
/// world.finish(exchange, isAnswered: true, now: later)
/// ```
///
/// The same calls with the same times and seed have the same results, to the byte. A request is decided on arrival, so sequence numbers have the
/// order in which the systems applied the requests.
package struct SimulatedWorld: Sendable {
    /// Clients create instances by naming them; this limits their number.
    static let maximumInstances = 64

    /// A larger body is refused with 413.
    package static let maximumBodyBytes = 4 * 1024 * 1024

    private let token: String
    private let seed: UInt64
    var instances: [String: RemoteInstance] = [:]
    var journal: RequestJournal
    var actCount = 0
    var unrouted = 0
    var lastUnroutedPath: String?
    var oversized = 0

    /// - Parameters:
    ///   - token: the bearer token of every instance without a token of its own.
    ///   - recordLimit: how many requests are recorded; further ones are only counted.
    ///   - seed: for the faults with a probability.
    package init(token: String = "sandbox-token", recordLimit: Int = 200_000, seed: UInt64 = 1) {
        self.token = token
        self.seed = seed
        self.journal = RequestJournal(limit: recordLimit)
    }

    /// Decides a request on arrival, and applies it.
    ///
    /// - Parameter fault: applied to the request instead of one of its instance's rules.
    package mutating func receive(_ request: SimulatedRequest, fault: FaultRule? = nil, now: SandboxInstant) -> Exchange {
        guard request.body.count <= Self.maximumBodyBytes else { return refuseOversized(method: request.method) }
        guard let name = SimulatedKind.resolve(request.target.segments.first ?? "")?.instance, prepare(name) else {
            unrouted += 1
            lastUnroutedPath = String(request.target.path.prefix(200))
            return Self.refusal(404, "no remote system lives under this path", method: request.method)
        }
        let call = RemoteCall(request)
        let sequence = journal.nextSequence()
        guard let (exchange, record) = instances[name]?.receive(call, sequence: sequence, fault: fault, now: now) else {
            preconditionFailure("an instance that was prepared is there")
        }
        journal.append(record, body: request.body)
        return exchange
    }

    /// Counts a request whose body is larger than ``maximumBodyBytes``, for callers that stop reading it there.
    package mutating func refuseOversized(method: String) -> Exchange {
        oversized += 1
        return Self.refusal(413, "a body of more than \(Self.maximumBodyBytes) bytes is not read", method: method)
    }

    private static func refusal(_ status: Int, _ message: String, method: String) -> Exchange {
        let body: SandboxJSON = ["message": .string(message)]
        return Exchange(ticket: nil, steps: [.response(status, body: body.encoded, method: method)], webhookCalls: [])
    }

    /// Records the end of a request.
    ///
    /// - Parameter isAnswered: whether a complete response was written to a connection that was still open.
    /// - Returns: its record, if it was kept.
    @discardableResult
    package mutating func finish(_ exchange: Exchange, isAnswered: Bool, now: SandboxInstant) -> RequestRecord? {
        guard let ticket = exchange.ticket else { return nil }
        instances[ticket.instance]?.tally.finish(ticket.conversation, isAnswered: isAnswered)
        return journal.finish(ticket.sequence, at: now, isAnswered: isAnswered)
    }

    /// Makes sure that an instance exists; false if there are too many.
    mutating func prepare(_ name: String) -> Bool {
        if instances[name] != nil { return true }
        guard let (kind, canonical) = SimulatedKind.resolve(name), canonical == name, instances.count < Self.maximumInstances else {
            return false
        }
        instances[name] = RemoteInstance(name: name, kind: kind, token: token, seed: instanceSeed(name))
        return true
    }

    /// The same seed for the same instance name, whatever the order in which instances are created.
    func instanceSeed(_ name: String) -> UInt64 {
        name.utf8.reduce(seed &+ 0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
