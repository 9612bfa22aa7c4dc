import Fixtures
import Foundation
import SyncCore
import SyncRemotes
import Synchronization
import Testing

@testable import SyncDaemon

/// Connections: their duration, their number, and how they end.
@Suite struct WebhookConnectionTests {
    /// The usual limits except for those that a test waits for.
    private static func limits(_ change: (inout WebhookListener.Limits) -> Void) -> WebhookListener.Limits {
        var limits = WebhookListener.Limits()
        change(&limits)
        return limits
    }

    @Test func `a body that does not arrive is waited for briefly only`() async throws {
        let hooks = try await Hooks.start(limits: Self.limits { $0.request = .milliseconds(300) })
        let address = hooks.listener.address
        let response = try await onThread {
            let connection = try RawConnection(address)
            connection.write("POST /hooks/vg HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            let response = try connection.readResponse()
            try connection.waitForEnd()
            return response
        }
        #expect(response?.status == 408)
        await hooks.stop()
        #expect(hooks.lines.contains { $0.contains("remote=vg reason=incomplete") }, "\(hooks.lines)")
    }

    @Test func `bytes that arrive slowly do not extend the deadline`() async throws {
        let hooks = try await Hooks.start(
            limits: Self.limits {
                $0.request = .milliseconds(300)
                $0.idle = .milliseconds(300)
            })
        let address = hooks.listener.address
        // A body, and a head.
        for beginning in ["POST /hooks/fin HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", "POST /hooks/fin HTTP/1.1\r\nX-Long: "] {
            let isClosed = try await onThread {
                let connection = try RawConnection(address)
                connection.write(beginning)
                for _ in 0..<200 {
                    guard connection.write("a") else { return true }
                    Delay.blocking(for: .milliseconds(20))
                }
                return false
            }
            #expect(isClosed)
        }
        await hooks.stop()
    }

    @Test func `one connection serves many calls, including those that do not wait for the response`() async throws {
        let hooks = try await Hooks.start(limits: Self.limits { $0.idle = .milliseconds(500) })
        let address = hooks.listener.address
        let statuses = try await onThread {
            let connection = try RawConnection(address)
            let requests = (0..<20).map { Hooks.fin(Hooks.status("c\($0)")) }
            connection.write(requests.prefix(10).joined())
            var statuses = try (0..<10).map { _ in try connection.readResponse()?.status }
            for request in requests.dropFirst(10) {
                connection.write(request)
                statuses.append(try connection.readResponse()?.status)
            }
            // Idle connections are closed.
            try connection.waitForEnd()
            return statuses
        }
        #expect(statuses == Array(repeating: 200, count: 20))
        #expect(Set(hooks.notices.map { "\($0)" }).count == 20)
        await hooks.stop()
    }

    @Test func `a caller that is refused before its body was read can still read the reason`() async throws {
        let hooks = try await Hooks.start()
        let body = String(repeating: "x", count: 200_000)
        for _ in 0..<5 {
            #expect(try await hooks.call(Hooks.request("POST", "/elsewhere", body: body)).status == 404)
            #expect(try await hooks.call(Hooks.request("POST", "/hooks/fin", body: body)).status == 413)
        }
        await hooks.stop()
    }

    @Test func `a caller that sends Expect is told to continue, or why not`() async throws {
        let hooks = try await Hooks.start()
        let address = hooks.listener.address
        let body = Hooks.status("c1")
        let fields = ["Expect: 100-continue", "X-Fin-Agent-API-Webhook-Signature: sha256=\(Hooks.signature(of: body))"]
        let head = Hooks.request("POST", "/hooks/fin", fields + ["Content-Length: \(body.utf8.count)"])
        let statuses = try await onThread {
            let connection = try RawConnection(address)
            connection.write(head)
            let first = try connection.readResponse()?.status
            connection.write(body)
            return [first, try connection.readResponse()?.status]
        }
        #expect(statuses == [100, 200])
        let tooLarge = Hooks.request("POST", "/hooks/fin", ["Expect: 100-continue", "Content-Length: 1000000"])
        #expect(try await hooks.call(tooLarge).status == 413)
        await hooks.stop()
    }

    @Test func `connections without a verified call make room for those with one`() async throws {
        let hooks = try await Hooks.start(
            limits: Self.limits {
                $0.connections = 4
                $0.idle = .minutes(10)
                $0.request = .minutes(10)
            })
        let address = hooks.listener.address
        let proven = try await onThread {
            let connection = try RawConnection(address)
            connection.write(Hooks.fin(Hooks.status("c0")))
            #expect(try connection.readResponse()?.status == 200)
            return ObjectBox(connection: connection)
        }
        // Silent ones, and some that never end their request.
        let idle = try await onThread {
            try (0..<40).map { number in
                let connection = try RawConnection(address)
                if number % 2 == 0 { connection.write("POST /hooks/vg HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{") }
                return ObjectBox(connection: connection)
            }
        }
        for number in 1...5 { #expect(try await hooks.call(Hooks.fin(Hooks.status("c\(number)"))).status == 200) }
        // The one with a verified call is still open.
        let again = try await onThread {
            proven.connection.write(Hooks.fin(Hooks.status("c9")))
            return try proven.connection.readResponse()?.status
        }
        #expect(again == 200)
        withExtendedLifetime(idle) {}
        await hooks.stop()
    }

    @Test func `64 connections are open at once, and each further one closes the oldest without a verified call`() async throws {
        let hooks = try await Hooks.start()
        let address = hooks.listener.address
        let statuses = try await onThread {
            let connections = try (0..<70).map { _ in try RawConnection(address) }
            for connection in connections.prefix(6) { try connection.waitForEnd() }
            return try connections.dropFirst(6).map { connection in
                connection.write(Hooks.request("HEAD", "/hooks/fin"))
                return try connection.readResponse()?.status
            }
        }
        #expect(statuses == Array(repeating: 200, count: 64))
        await hooks.stop()
    }

    @Test func `if every connection has had a verified call, further ones wait`() async throws {
        let hooks = try await Hooks.start(
            limits: Self.limits {
                $0.connections = 2
                $0.idle = .milliseconds(300)
            })
        let address = hooks.listener.address
        let proven = try await onThread {
            try (0..<30).map { number in
                let connection = try RawConnection(address)
                connection.write(Hooks.fin(Hooks.status("c\(number)")))
                _ = try connection.readResponse()
                return ObjectBox(connection: connection)
            }
        }
        // Idle ones are closed after a while; then there is room.
        #expect(try await hooks.call(Hooks.request("HEAD", "/hooks/fin")).status == 200)
        withExtendedLifetime(proven) {}
        await hooks.stop()
    }

    @Test func `many concurrent callers are all served`() async throws {
        let hooks = try await Hooks.start()
        let statuses = try await withThrowingTaskGroup(of: [Int?].self) { group in
            let address = hooks.listener.address
            for caller in 0..<24 {
                group.addTask {
                    try await onThread {
                        let connection = try RawConnection(address)
                        return try (0..<10).map { number in
                            connection.write(Hooks.fin(Hooks.status("c\(caller)-\(number)")))
                            return try connection.readResponse()?.status
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(statuses.count == 240 && statuses.allSatisfy { $0 == 200 })
        #expect(Set(hooks.notices.map { "\($0)" }).count == 240)
        #expect(hooks.notices.count == 240)
        await hooks.stop()
    }

    @Test func `a stop lets a call in progress end`() async throws {
        let (entered, enter) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let hooks = try await Hooks.start(receive: { notices, _ in
            enter.yield()
            for await _ in released { break }
            return notices.count
        })
        async let response = hooks.call(Hooks.fin(Hooks.status("c1")))
        for await _ in entered { break }
        async let stopped: Void = hooks.stop()
        release.yield()
        #expect(try await response.status == 200)
        await stopped
        #expect(throws: RawConnection.Failure.self) { try RawConnection(hooks.listener.address) }
    }

    @Test func `a stop does not wait for a caller that sends nothing more`() async throws {
        let hooks = try await Hooks.start(limits: Self.limits { $0.stop = .milliseconds(100) })
        let address = hooks.listener.address
        let connections = try await onThread {
            let half = try RawConnection(address)
            half.write("POST /hooks/fin HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
            let silent = try RawConnection(address)
            let answered = try RawConnection(address)
            answered.write(Hooks.request("HEAD", "/hooks/fin"))
            _ = try answered.readResponse()
            return [half, silent, answered].map(ObjectBox.init)
        }
        let clock = ContinuousClock()
        let before = clock.now
        await hooks.stop()
        #expect(clock.now - before < .seconds(20))
        withExtendedLifetime(connections) {}
    }
}

/// Passes a connection on to another thread; the former one no longer uses it.
struct ObjectBox: @unchecked Sendable {
    let connection: RawConnection
}
