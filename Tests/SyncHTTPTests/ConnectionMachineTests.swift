import NIOCore
import SyncCore
import Testing

@testable import SyncHTTP

/// One call on one connection, without a socket and without a clock.
@Suite struct ConnectionMachineTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let limits = HTTPLimits(
        firstByteTimeout: .milliseconds(100), readTimeout: .milliseconds(30), totalTimeout: .milliseconds(500), maximumResponseSize: 100)

    private func at(_ milliseconds: Int64) -> NIODeadline { Self.start + .milliseconds(milliseconds) }

    private func machine(isReused: Bool = false, isWritten: Bool = true) -> ConnectionMachine {
        var machine = ConnectionMachine(Self.limits)
        machine.callStarted(isHead: false, isReused: isReused, totalDeadline: at(500), now: at(0))
        if isWritten { machine.pieceWritten(isLast: true, now: at(0)) }
        return machine
    }

    private func failure(_ action: ConnectionMachine.Action) -> TransportFailure? {
        guard case .finish(.failed(let failure), keepsConnection: false) = action else { return nil }
        return failure
    }

    private func reply(_ action: ConnectionMachine.Action) -> HTTPReply? {
        guard case .finish(.reply(let reply), _) = action else { return nil }
        return reply
    }

    @Test func `a response ends the call, and the connection is free again`() {
        var machine = machine()
        let action = machine.received(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), now: at(5))
        #expect(
            action == .finish(.reply(HTTPReply(status: 200, headers: ["content-length": "2"], body: [123, 125])), keepsConnection: true))
        #expect(machine.isIdle)
        #expect(machine.deadline == nil)
        #expect(machine.received(ByteBuffer(string: "x"), now: at(6)) == .close)
    }

    @Test func `a response before the call is written counts, and the connection is not used again`() {
        var machine = machine(isWritten: false)
        machine.pieceWritten(isLast: false, now: at(1))
        let action = machine.received(ByteBuffer(string: "HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n"), now: at(5))
        #expect(action == .finish(.reply(HTTPReply(status: 413, headers: ["content-length": "0"])), keepsConnection: false))
    }

    @Test func `each kind of silence has its own timeout`() {
        var writing = machine(isWritten: false)
        #expect(writing.deadline == at(30))
        writing.pieceWritten(isLast: false, now: at(20))
        #expect(writing.timePassed(now: at(30)) == .none)
        #expect(failure(writing.timePassed(now: at(50)))?.detail.contains("write timeout") == true)

        var waiting = machine()
        #expect(waiting.deadline == at(100))
        #expect(waiting.received(ByteBuffer(string: "HTTP/1.1 102 Processing\r\n\r\n"), now: at(90)) == .none)
        #expect(waiting.deadline == at(190), "an interim response is not the first byte")
        #expect(failure(waiting.timePassed(now: at(190)))?.detail.contains("first-byte timeout") == true)

        var reading = machine()
        _ = reading.received(ByteBuffer(string: "HTTP/1.1 200 OK\r\n"), now: at(10))
        #expect(reading.deadline == at(40))
        #expect(failure(reading.timePassed(now: at(40)))?.detail.contains("read timeout") == true)

        var endless = machine()
        var now: Int64 = 10
        _ = endless.received(ByteBuffer(string: "HTTP/1.1 200 OK\r\n\r\n"), now: at(now))
        while now < 495 {
            now += 20
            _ = endless.received(ByteBuffer(string: "x"), now: at(now))
        }
        let body = reply(endless.timePassed(now: at(500)))
        #expect(body?.status == 200)
        #expect(body?.bodyFailure?.detail.contains("total timeout") == true)
    }

    @Test func `only a reused connection that is closed before any byte leads to a repetition`() {
        let reset = TransportFailure(.connectionClosed, detail: "the connection was reset")
        for isReused in [false, true] {
            for failure in [nil, reset] {
                var unheard = machine(isReused: isReused)
                let action = unheard.connectionEnded(failure)
                guard case .finish(let end, keepsConnection: false) = action else { return _ = Issue.record("\(action)") }
                if case .closedBeforeResponse(let found) = end {
                    #expect(isReused)
                    #expect(found.kind == .connectionClosed)
                } else {
                    #expect(!isReused)
                }
                var heard = machine(isReused: isReused)
                _ = heard.received(ByteBuffer(string: "H"), now: at(1))
                #expect(self.failure(heard.connectionEnded(failure))?.kind == .connectionClosed)
            }
            var cancelled = machine(isReused: isReused)
            #expect(failure(cancelled.cancelled())?.kind == .cancelled)
            var late = machine(isReused: isReused)
            #expect(failure(late.timePassed(now: at(1000)))?.kind == .timeout)
        }
    }

    @Test func `once the header is complete, the status is kept whatever follows`() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
        let ends: [(TransportFailure.Kind, (inout ConnectionMachine) -> ConnectionMachine.Action)] = [
            (.connectionClosed, { $0.connectionEnded(nil) }), (.timeout, { $0.timePassed(now: self.at(1000)) }),
            (.cancelled, { $0.cancelled() }), (.tls, { $0.connectionEnded(TransportFailure(.tls, detail: "x")) }),
        ]
        for (kind, end) in ends {
            var machine = machine()
            #expect(machine.received(ByteBuffer(string: head), now: at(1)) == .none)
            let reply = reply(end(&machine))
            #expect(reply?.status == 200)
            #expect(reply?.bodyFailure?.kind == kind)
            #expect(reply?.body == Array("half".utf8))
        }
    }
}
