import Fixtures
import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// Which connection carries which call, with a clock that the test moves.
@Suite struct ConnectionPoolTests {
    private typealias ID = ConnectionPool.ConnectionID

    private func at(_ seconds: Int64) -> NIODeadline { .uptimeNanoseconds(1_000_000_000) + .seconds(seconds) }

    private func connection(_ number: Int) -> ID { ID(pool: 0, number: number) }

    private func pool(connections: Int = 2) -> ConnectionPool {
        ConnectionPool(number: 0, ConnectionPool.Limits(HTTPLimits(connections: connections)))
    }

    @Test func `a call gets a new connection, and the next call the same one`() {
        var pool = pool()
        #expect(pool.callArrived(1, now: at(0)) == [.connect(connection(1))])
        #expect(pool.connected(connection(1), age: .minutes(3), now: at(1)) == [.run(1, on: connection(1), isReused: false)])
        #expect(pool.callFinished(on: connection(1), keepsConnection: true, now: at(2)) == [])
        #expect(pool.callArrived(2, now: at(3)) == [.run(2, on: connection(1), isReused: true)])
    }

    @Test func `a connection is renewed at its maximum age, both under steady traffic and when it is idle`() {
        var pool = pool()
        _ = pool.callArrived(1, now: at(0))
        _ = pool.connected(connection(1), age: .minutes(3), now: at(0))
        var now: Int64 = 0
        for call in 2..<100 as Range<UInt64> {
            now += 2
            let actions = pool.callFinished(on: connection(1), keepsConnection: true, now: at(now))
            if now >= 180 {
                #expect(actions == [.close(connection(1))])
                #expect(pool.callArrived(call, now: at(now)) == [.connect(connection(2))])
                break
            }
            #expect(actions == [])
            #expect(pool.callArrived(call, now: at(now)) == [.run(call, on: connection(1), isReused: true)])
        }
        #expect(now == 180)
        // Idle: at the maximum age or after the idle time, whichever is earlier.
        _ = pool.connected(connection(2), age: .seconds(30), now: at(180))
        #expect(pool.callFinished(on: connection(2), keepsConnection: true, now: at(200)) == [])
        #expect(pool.deadline == at(210))
        #expect(pool.timePassed(now: at(209)) == [])
        #expect(pool.callArrived(200, now: at(210)) == [.close(connection(2)), .connect(connection(3))])
    }

    @Test func `a connection that has been idle for too long is closed`() {
        var pool = pool()
        _ = pool.callArrived(1, now: at(0))
        _ = pool.connected(connection(1), age: .minutes(3), now: at(0))
        _ = pool.callFinished(on: connection(1), keepsConnection: true, now: at(1))
        #expect(pool.deadline == at(21))
        #expect(pool.timePassed(now: at(21)) == [.close(connection(1))])
        #expect(pool.deadline == nil)
    }

    @Test func `calls beyond the limit wait, in order, for whatever becomes free first`() {
        var pool = pool(connections: 1)
        _ = pool.callArrived(1, now: at(0))
        #expect(pool.callArrived(2, now: at(0)) == [])
        #expect(pool.callArrived(3, now: at(0)) == [])
        _ = pool.connected(connection(1), age: .minutes(3), now: at(0))
        #expect(pool.callFinished(on: connection(1), keepsConnection: true, now: at(1)) == [.run(2, on: connection(1), isReused: true)])
        #expect(
            pool.callFinished(on: connection(1), keepsConnection: false, now: at(2)) == [.close(connection(1)), .connect(connection(2))])
        let failure = TransportFailure(.connectionRefused, detail: "x")
        #expect(pool.connectFailed(connection(2), failure, now: at(2)) == [.fail(3, failure)])
        #expect(pool.connectFailed(connection(2), failure, now: at(2)) == [])
    }

    @Test func `a repetition gets a new connection, for which an idle one is closed`() {
        var pool = pool(connections: 1)
        _ = pool.callArrived(1, now: at(0))
        _ = pool.connected(connection(1), age: .minutes(3), now: at(0))
        _ = pool.callFinished(on: connection(1), keepsConnection: true, now: at(1))
        #expect(pool.callArrived(2, needsFresh: true, now: at(1)) == [.close(connection(1)), .connect(connection(2))])
        #expect(pool.connected(connection(2), age: .minutes(3), now: at(2)) == [.run(2, on: connection(2), isReused: false)])
    }

    @Test func `nothing is left after a shutdown, and connections that open later are closed`() {
        var pool = pool(connections: 3)
        _ = pool.callArrived(1, now: at(0))
        _ = pool.callArrived(2, now: at(0))
        _ = pool.connected(connection(1), age: .minutes(3), now: at(0))
        _ = pool.callFinished(on: connection(1), keepsConnection: true, now: at(0))
        #expect(pool.shutDown().contains(.close(connection(1))))
        #expect(pool.connected(connection(2), age: .minutes(3), now: at(1)) == [.close(connection(2))])
        #expect(pool.shutDown() == [])
    }

    /// Connections that open, fail, carry calls, are closed and grow old at random.
    private struct World {
        var pool: ConnectionPool
        let limit: Int
        var connecting: Set<ID> = []
        var free: Set<ID> = []
        var busy: [ID: UInt64] = [:]
        var used: Set<ID> = []
        var fresh: Set<UInt64> = []
        var ended: Set<UInt64> = []
        var waiting: Set<UInt64> = []

        mutating func perform(_ actions: [ConnectionPool.Action]) {
            for action in actions {
                switch action {
                case .connect(let id): #expect(connecting.insert(id).inserted)
                case .close(let id):
                    #expect(busy[id] == nil, "a connection is not closed under a call")
                    free.remove(id)
                case .fail(let call, _):
                    #expect(waiting.remove(call) != nil)
                    ended.insert(call)
                case .run(let call, let id, let isReused):
                    #expect(waiting.remove(call) != nil, "a call runs once")
                    #expect(free.remove(id) != nil, "a connection carries one call")
                    #expect(isReused || !used.contains(id))
                    #expect(!fresh.contains(call) || !isReused)
                    used.insert(id)
                    busy[id] = call
                }
            }
            #expect(connecting.count + free.count + busy.count <= limit)
            #expect(waiting.isEmpty || connecting.count + free.count + busy.count > 0, "a call that waits has something to wait for")
            #expect(waiting.allSatisfy(fresh.contains) || free.isEmpty, "no call waits beside a free connection")
        }
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `in random histories each call ends once, on one connection, within the limit`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limit = Int.random(in: 1...4, using: &random)
        var world = World(pool: pool(connections: limit), limit: limit)
        var now: Int64 = 0
        var lastCall: UInt64 = 0
        for _ in 0..<400 {
            now += Int64.random(in: 0...9, using: &random)
            step(&world, now: at(now), lastCall: &lastCall, using: &random)
        }
        for _ in 0..<2000 where !(world.waiting.isEmpty && world.busy.isEmpty) {
            if let id = world.connecting.min(by: { $0.number < $1.number }) {
                connect(&world, id, age: 100, now: at(now))
            } else if let id = world.busy.keys.min(by: { $0.number < $1.number }) {
                finish(&world, id, keeps: true, now: at(now))
            }
        }
        #expect(world.ended.count == Int(lastCall), "seed \(seed)")
    }

    private func connect(_ world: inout World, _ id: ID, age: Int64, now: NIODeadline) {
        world.connecting.remove(id)
        world.free.insert(id)
        world.perform(world.pool.connected(id, age: .seconds(age), now: now))
    }

    private func finish(_ world: inout World, _ id: ID, keeps: Bool, now: NIODeadline) {
        guard let call = world.busy.removeValue(forKey: id) else { return }
        world.ended.insert(call)
        world.free.insert(id)
        world.perform(world.pool.callFinished(on: id, keepsConnection: keeps, now: now))
        if !keeps { #expect(!world.free.contains(id)) }
    }

    private func step(_ world: inout World, now: NIODeadline, lastCall: inout UInt64, using random: inout SeededGenerator) {
        let choice = Int.random(in: 0...9, using: &random)
        let connecting = world.connecting.sorted { $0.number < $1.number }.randomElement(using: &random)
        let busy = world.busy.keys.sorted { $0.number < $1.number }.randomElement(using: &random)
        let free = world.free.sorted { $0.number < $1.number }.randomElement(using: &random)
        switch choice {
        case 0...2:
            lastCall += 1
            let needsFresh = Int.random(in: 0...4, using: &random) == 0
            if needsFresh { world.fresh.insert(lastCall) }
            world.waiting.insert(lastCall)
            world.perform(world.pool.callArrived(lastCall, needsFresh: needsFresh, now: now))
        case 3, 4: if let connecting { connect(&world, connecting, age: Int64.random(in: 1...60, using: &random), now: now) }
        case 5:
            guard let connecting else { return }
            world.connecting.remove(connecting)
            world.perform(world.pool.connectFailed(connecting, TransportFailure(.connectionRefused, detail: "x"), now: now))
        case 6, 7: if let busy { finish(&world, busy, keeps: Bool.random(using: &random), now: now) }
        case 8:
            guard let free else { return }
            world.free.remove(free)
            world.perform(world.pool.connectionClosed(free, now: now))
        default:
            if let call = world.waiting.min(), Bool.random(using: &random) {
                world.waiting.remove(call)
                world.ended.insert(call)
                world.pool.callGone(call)
            }
            world.perform(world.pool.timePassed(now: now))
        }
    }
}
