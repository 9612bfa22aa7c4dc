import Fixtures
import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// In milliseconds.
private let connectTimeout: Int64 = 5000

private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds) }

/// How long a call waits for a connection, with a clock that the test moves.
@Suite struct ConnectionWaitTests {
    private typealias ID = ConnectionPool.ConnectionID

    private func connection(_ number: Int) -> ID { ID(pool: 0, number: number) }

    private static func pool(connections: Int) -> ConnectionPool {
        let limits = HTTPLimits(connectTimeout: .milliseconds(connectTimeout), connections: connections)
        return ConnectionPool(number: 0, ConnectionPool.Limits(limits))
    }

    private let late = TransportFailure.noConnectionInTime

    @Test func `a call without an attempt of its own fails when it has waited for the connect timeout`() {
        var pool = Self.pool(connections: 1)
        #expect(pool.callArrived(1, now: at(0)) == [.connect(connection(1))])
        #expect(pool.callArrived(2, now: at(10)) == [])
        #expect(pool.connectFailed(connection(1), late, now: at(5000)) == [.fail(1, late), .connect(connection(2))])
        #expect(pool.deadline == at(5010))
        #expect(pool.timePassed(now: at(5009)) == [])
        #expect(pool.timePassed(now: at(5010)) == [.fail(2, late)])
        // The attempt continues for the next call.
        #expect(pool.callArrived(3, now: at(6000)) == [])
        #expect(pool.connected(connection(2), age: .minutes(3), now: at(7000)) == [.run(3, on: connection(2), isReused: false)])
    }

    @Test func `a call that has waited less continues to wait when another call's attempt fails`() {
        var pool = Self.pool(connections: 2)
        _ = pool.callArrived(1, now: at(0))
        _ = pool.callArrived(2, now: at(4950))
        #expect(pool.connectFailed(connection(1), late, now: at(5000)) == [.fail(1, late)])
        #expect(pool.timePassed(now: at(9949)) == [])
        #expect(pool.connectFailed(connection(2), late, now: at(9950)) == [.fail(2, late)])
    }

    @Test func `a refused attempt fails only its own call`() {
        let refused = TransportFailure(.connectionRefused, detail: "x")
        var pool = Self.pool(connections: 1)
        _ = pool.callArrived(1, now: at(0))
        _ = pool.callArrived(2, now: at(0))
        #expect(pool.connectFailed(connection(1), refused, now: at(1)) == [.fail(1, refused), .connect(connection(2))])
    }

    @Test func `while a connection is open, a call waits for it, however long the calls on it take`() {
        var pool = Self.pool(connections: 1)
        _ = pool.callArrived(1, now: at(0))
        _ = pool.connected(connection(1), age: .minutes(3), now: at(100))
        _ = pool.callArrived(2, now: at(200))
        #expect(pool.deadline == nil)
        #expect(pool.timePassed(now: at(20_000)) == [])
        // Closed instead of kept: the connect timeout begins now.
        #expect(
            pool.callFinished(on: connection(1), keepsConnection: false, now: at(20_000))
                == [.close(connection(1)), .connect(connection(2))])
        #expect(pool.deadline == at(25_000))
        #expect(pool.timePassed(now: at(24_999)) == [])
        #expect(pool.timePassed(now: at(25_000)) == [.fail(2, late)])
    }

    /// Calls arrive and are cancelled at random where nothing can connect, or connections are rare.
    private struct World {
        let seed: UInt64
        var pool: ConnectionPool
        var random: SeededGenerator
        /// The number of attempts in ten that succeed.
        let successes: Int
        var now: Int64 = 0
        /// When each attempt ends, and whether it succeeds.
        var attempts: [ID: (end: Int64, succeeds: Bool)] = [:]
        /// The open connections, each with the end of the call on it; nil for an idle one.
        var open: [ID: Int64?] = [:]
        var noneOpenSince: Int64 = 0
        var waiting: [UInt64: Int64] = [:]
        var failed = 0

        mutating func perform(_ actions: [ConnectionPool.Action]) {
            for action in actions {
                switch action {
                case .connect(let id):
                    let succeeds = Int.random(in: 0..<10, using: &random) < successes
                    let takes = succeeds ? Int64.random(in: 1..<connectTimeout, using: &random) : connectTimeout
                    attempts[id] = (now + takes, succeeds)
                case .close(let id): close(id)
                case .fail(let call, let failure):
                    let waited = now - (waiting.removeValue(forKey: call) ?? now)
                    #expect(failure == .noConnectionInTime)
                    #expect(waited >= connectTimeout, "seed \(seed): call \(call) failed after \(waited) ms")
                    if successes == 0 { #expect(waited == connectTimeout, "seed \(seed): call \(call) failed after \(waited) ms") }
                    failed += 1
                case .run(let call, let id, _):
                    waiting[call] = nil
                    open[id] = now + Int64.random(in: 1...20_000, using: &random)
                }
            }
            for (call, arrived) in waiting where open.isEmpty {
                #expect(now - max(arrived, noneOpenSince) < connectTimeout, "seed \(seed): call \(call) still waits")
            }
        }

        mutating func close(_ id: ID) {
            open[id] = nil
            if open.isEmpty { noneOpenSince = now }
        }

        /// Moves the clock to the next event and handles it, up to `limit`.
        mutating func advance(to limit: Int64) {
            while true {
                let attempt = attempts.min { ($0.value.end, $0.key.number) < ($1.value.end, $1.key.number) }
                let call = open.compactMap { id, end in end.map { (id, $0) } }.min { ($0.1, $0.0.number) < ($1.1, $1.0.number) }
                let deadline = pool.deadline.map { Int64(($0 - at(0)).nanoseconds / 1_000_000) }
                let next = min(attempt?.value.end ?? .max, call?.1 ?? .max, deadline ?? .max)
                guard next <= limit else { return now = limit }
                now = next
                // At the same time the order is random.
                if deadline == next, Bool.random(using: &random) {
                    perform(pool.timePassed(now: at(now)))
                } else if let attempt, attempt.value.end == next {
                    attempts[attempt.key] = nil
                    if attempt.value.succeeds {
                        open[attempt.key] = .some(nil)
                        perform(pool.connected(attempt.key, age: .minutes(3), now: at(now)))
                    } else {
                        perform(pool.connectFailed(attempt.key, .noConnectionInTime, now: at(now)))
                    }
                } else if let call, call.1 == next {
                    open[call.0] = .some(nil)
                    let keeps = Bool.random(using: &random)
                    perform(pool.callFinished(on: call.0, keepsConnection: keeps, now: at(now)))
                } else {
                    perform(pool.timePassed(now: at(now)))
                }
            }
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>)
    func `no call fails before its own connect timeout, and none waits longer while no connection is open`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let pool = Self.pool(connections: Int.random(in: 1...6, using: &random))
        // In half of the seeds nothing can connect.
        let successes = seed.isMultiple(of: 2) ? 0 : Int.random(in: 1...9, using: &random)
        var world = World(seed: seed, pool: pool, random: random, successes: successes)
        var calls: UInt64 = 0
        for _ in 0..<150 {
            // Some at the same time, some far apart.
            let pause: Int64 = [0, 0, 1, 300, 3000, 12_000].randomElement(using: &world.random) ?? 0
            world.advance(to: world.now + pause)
            if Int.random(in: 0..<8, using: &world.random) == 0, let call = world.waiting.keys.min() {
                world.waiting[call] = nil
                world.pool.callGone(call)
            } else {
                calls += 1
                world.waiting[calls] = world.now
                world.perform(world.pool.callArrived(calls, now: at(world.now)))
            }
        }
        world.advance(to: world.now + 1_000_000)
        #expect(world.waiting.isEmpty, "seed \(seed)")
        #expect(successes > 0 || world.failed > 50, "seed \(seed)")
    }
}
