import NIOSSL
import SyncCore
import Testing

@testable import SyncHTTP

/// `https`: which servers the transport trusts.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SecureTransportTests {
    private typealias Transport = NetworkTransportTests

    private func withServer(
        _ response: String = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", sending call: String = "{\"a\":1}", closes: Bool = false,
        needsClientCertificate: Bool = false,
        trusting isTrusted: Bool = true, at host: String = "127.0.0.1", _ body: (Result<HTTPReply, TransportFailure>) -> Void
    ) async throws {
        let server = try await SecureServer.start(response, closes: closes, needsClientCertificate: needsClientCertificate)
        let certificate = try NIOSSLCertificate(bytes: Array(SecureServer.certificate.utf8), format: .pem)
        let limits = Transport.limits()
        let transport = NetworkTransport(
            limits, pool: ConnectionPool.Limits(limits), trustRoots: isTrusted ? .certificates([certificate]) : nil
        )
        body(await Transport.send(Transport.call("https://\(host):\(server.port)/path", body: call), over: transport))
        await transport.shutdown()
        try await server.stop()
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `a certificate of a trusted root for this name or address is accepted`(host: String) async throws {
        try await withServer(at: host) { result in
            guard case .success(let reply) = result else { return _ = Issue.record("\(result)") }
            #expect(reply.status == 200)
            #expect(reply.body == Array("{}".utf8))
        }
    }

    @Test func `a call to a certificate that no trusted root has signed is refused and not applied`() async throws {
        try await withServer(trusting: false) { result in
            guard case .failure(let failure) = result else { return _ = Issue.record("\(result)") }
            #expect(failure.kind == .tls, "\(failure.detail)")
            #expect(!failure.mayHaveBeenApplied)
        }
    }

    @Test(arguments: ["127.0.0.2", "ip6-localhost"])
    func `a call to a certificate for another name or address is refused and not applied`(host: String) async throws {
        try await withServer(at: host) { result in
            guard case .failure(let failure) = result else { return _ = Issue.record("\(result)") }
            #expect([.tls, .connectionRefused, .nameResolution].contains(failure.kind), "\(failure.detail)")
            #expect(!failure.mayHaveBeenApplied)
        }
    }

    @Test func `a server that requires a client certificate refuses the call before it reads it, so it is not applied`() async throws {
        try await withServer(needsClientCertificate: true) { result in
            guard case .failure(let failure) = result else { return _ = Issue.record("\(result)") }
            #expect(failure.kind == .tls, "\(failure.kind): \(failure.detail)")
            #expect(!failure.mayHaveBeenApplied)
        }
    }

    @Test func `a refusal before a large body was read is the response over TLS as well`() async throws {
        let refusal = "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        for _ in 0..<10 {
            try await withServer(refusal, sending: Transport.largeBody, closes: true) { result in
                guard case .success(let reply) = result else { return _ = Issue.record("\(result)") }
                #expect(reply.status == 413)
                #expect(reply.body == Array("{}".utf8))
            }
        }
    }

    @Test func `a body that ends with its connection ends with the closure alert`() async throws {
        try await withServer("HTTP/1.1 200 OK\r\n\r\n{}", closes: true) { result in
            guard case .success(let reply) = result else { return _ = Issue.record("\(result)") }
            #expect(reply.body == Array("{}".utf8))
            #expect(reply.bodyFailure == nil)
        }
    }

    @Test func `a connection that is closed during the handshake is a failure that was not applied`() async throws {
        for resets in [false, true] {
            let server = try LoopbackServer(readsRequest: false) { connection in
                connection.readSome()
                if resets { connection.resetOnClose() }
            }
            await Transport.expect(.connectionRefused, mayHaveBeenApplied: false, from: "https://127.0.0.1:\(server.port)/")
        }
    }
}
