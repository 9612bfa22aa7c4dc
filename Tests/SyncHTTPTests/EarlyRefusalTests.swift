import SyncCore
import Testing

@testable import SyncHTTP

/// A complete response counts, whatever happened to the request.
@Suite(.serialized, .timeLimit(.minutes(2))) struct EarlyRefusalTests {
    private typealias Transport = NetworkTransportTests

    enum Ending: CaseIterable {
        /// Without reading the request: the kernel sends a reset.
        case close
        case reset
        /// Closes its sending side, and reads nothing more.
        case halfClose
        /// Neither closes nor reads.
        case stay
    }

    @Test(arguments: [401, 413, 429], Ending.allCases)
    func `a refusal before a large body was read is the response`(status: Int, ending: Ending) async throws {
        for isChunked in [false, true] {
            let server = try LoopbackServer(readsRequest: false) { connection in
                connection.readSome()
                // In one piece: bytes that the kernel still holds back are lost with a reset.
                connection.write(
                    "HTTP/1.1 \(status) No\r\nConnection: close\r\nRetry-After: 7\r\n"
                        + (isChunked ? "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" : "Content-Length: 2\r\n\r\n{}"))
                switch ending {
                case .close: break
                case .reset: connection.resetOnClose()
                case .halfClose:
                    connection.endOutput()
                    connection.waitForHangUp()
                case .stay: connection.waitForHangUp()
                }
            }
            let reply = try await Transport.send(server.url, body: Transport.largeBody).get()
            #expect(reply.status == status)
            #expect(reply.headers["retry-after"] == "7")
            #expect(reply.body == Array("{}".utf8))
            #expect(reply.bodyFailure == nil)
        }
    }

    @Test func `a connection whose request was not written completely is not reused`() async throws {
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.readSome()
            connection.write("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\n{}")
            connection.waitForHangUp()
        }
        let transport = NetworkTransport(Transport.limits())
        for _ in 0..<3 {
            #expect(try await Transport.send(Transport.call(server.url, body: Transport.largeBody), over: transport).get().status == 413)
        }
        #expect(server.connectionCount == 3)
        await transport.shutdown()
    }

    @Test func `a body that breaks off in an early refusal keeps the status`() async throws {
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.readSome()
            connection.write("HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\n{\"half\":")
            connection.resetOnClose()
        }
        let reply = try await Transport.send(server.url, body: Transport.largeBody).get()
        #expect(reply.status == 401)
        #expect(reply.bodyFailure?.kind == .connectionClosed)
    }

    @Test(arguments: ["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 40"])
    func `a reset before the header of a response is complete is a broken connection`(before: String) async throws {
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.readSome()
            connection.write(before)
            connection.resetOnClose()
        }
        let result = await Transport.send(server.url, body: Transport.largeBody)
        guard case .failure(let failure) = result else { return _ = Issue.record("\(result)") }
        #expect(failure.kind == .connectionClosed)
        #expect(failure.mayHaveBeenApplied)
        #expect(server.connectionCount == 1)
    }

    @Test func `a large call is sent completely to a server that reads it`() async throws {
        let server = try LoopbackServer.answering()
        let reply = try await Transport.send(server.url, body: Transport.largeBody).get()
        #expect(reply.status == 200)
        #expect(server.requests.first?.hasSuffix(Transport.largeBody.suffix(1000)) == true)
    }
}
