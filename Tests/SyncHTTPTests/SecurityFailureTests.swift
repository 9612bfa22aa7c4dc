import NIOSSL
import SyncCore
import Testing

@testable import SyncHTTP

/// The text of a TLS failure: the host and the cause, without details of the library.
@Suite(.serialized, .timeLimit(.minutes(2))) struct SecurityFailureTests {
    private typealias Transport = NetworkTransportTests

    /// The failure of a call to a server that shows the certificate.
    private func failure(
        showing certificate: String = SecureServer.certificate, trusting trusted: String? = nil, at host: String = "127.0.0.1",
        needsClientCertificate: Bool = false
    ) async throws -> TransportFailure? {
        let server = try await SecureServer.start(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", needsClientCertificate: needsClientCertificate, showing: certificate)
        let trustRoots: NIOSSLTrustRoots? = try trusted.map {
            .certificates([try NIOSSLCertificate(bytes: Array($0.utf8), format: .pem)])
        }
        let limits = Transport.limits()
        let transport = NetworkTransport(
            limits, pool: ConnectionPool.Limits(limits), trustRoots: trustRoots)
        let result = await Transport.send(Transport.call("https://\(host):\(server.port)/path"), over: transport)
        await transport.shutdown()
        try await server.stop()
        guard case .failure(let failure) = result else { return nil }
        expectPlain(failure)
        return failure
    }

    /// Neither a source file nor a name or number of BoringSSL.
    private func expectPlain(_ failure: TransportFailure) {
        for trace in ["/", ".cc", "error:", "rror: ", "OPENSSL", "SSLV3", "TLSV1", "NIOSSL", "_"] {
            #expect(!failure.detail.contains(trace), "\(trace): \(failure.detail)")
        }
    }

    @Test func `a self-signed certificate is reported as such`() async throws {
        let failure = try #require(try await failure())
        #expect(failure.detail == "the certificate of 127.0.0.1 is not trusted: self-signed")
        #expect(failure.security == .selfSigned)
    }

    @Test func `the certificate of an unknown authority is reported with the authority`() async throws {
        let failure = try #require(try await failure(showing: SecureServer.issued))
        #expect(
            failure.detail == "the certificate of 127.0.0.1 is not trusted: issued by an unknown authority (Example Authority), "
                + "or the server does not send its whole chain")
        #expect(failure.security == .unknownAuthority)
    }

    @Test func `the same certificate is trusted if its authority is`() async throws {
        #expect(try await failure(showing: SecureServer.issued, trusting: SecureServer.authority) == nil)
    }

    @Test func `an expired certificate is reported with its date`() async throws {
        let failure = try #require(try await failure(showing: SecureServer.expired, trusting: SecureServer.expired))
        #expect(failure.detail == "the certificate of 127.0.0.1 is not trusted: expired on 2021-01-01")
        #expect(failure.security == .expired)
    }

    @Test func `a certificate that is not valid yet is reported with its date`() async throws {
        let failure = try #require(try await failure(showing: SecureServer.ofTheFuture, trusting: SecureServer.ofTheFuture))
        #expect(failure.detail.hasPrefix("the certificate of 127.0.0.1 is not trusted: not valid before 2100-01-01; here it is 20"))
        #expect(failure.security == .notYetValid)
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func `a certificate for other host names is reported with these names`(host: String) async throws {
        let failure = try #require(
            try await failure(showing: SecureServer.forOtherNames, trusting: SecureServer.forOtherNames, at: host))
        #expect(
            failure.detail == "the certificate of \(host) is not trusted: it is for desk.example.com, help.example.com, 192.0.2.1")
        #expect(failure.security == .otherName)
        #expect(failure.kind == .tls)
        #expect(!failure.mayHaveBeenApplied)
    }

    @Test func `a server that requires a client certificate is reported as such`() async throws {
        let failure = try #require(
            try await failure(trusting: SecureServer.certificate, needsClientCertificate: true))
        #expect(failure.detail.hasPrefix("127.0.0.1 refuses the TLS handshake: it wants a client certificate"), "\(failure.detail)")
        #expect(failure.security == .wantsCertificate)
    }

    @Test func `a server that speaks HTTP instead of TLS is reported as such`() async throws {
        let server = try LoopbackServer(readsRequest: false) { connection in
            connection.readSome()
            connection.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        }
        let result = await Transport.send("https://127.0.0.1:\(server.port)/")
        guard case .failure(let failure) = result else { return _ = Issue.record("\(result)") }
        expectPlain(failure)
        #expect(failure.detail == "127.0.0.1 does not speak TLS on this port")
        #expect(failure.security == .notSpoken)
        #expect(failure.kind == .tls)
    }

    /// The text of an error of BoringSSL's TLS library.
    private static func line(_ reason: Int, _ name: String) -> String {
        "Error: \(16 << 24 | reason) error:1000\(String(reason, radix: 16)):SSL routines:OPENSSL_internal:\(name) at /build/a:b/x.cc:393"
    }

    @Test(
        arguments: [
            (line(125, "CERTIFICATE_VERIFY_FAILED"), .untrustedCertificate),
            (line(1040, "SSLV3_ALERT_HANDSHAKE_FAILURE"), .alert(.init(number: 40))),
            (line(1070, "TLSV1_ALERT_PROTOCOL_VERSION"), .alert(.protocolVersion)),
            (line(247, "WRONG_VERSION_NUMBER"), .notSpoken), (line(240, "UNSUPPORTED_PROTOCOL"), .noCommonVersion),
            (line(175, "NO_CIPHERS_AVAILABLE"), .noAgreement), (line(137, "DECRYPTION_FAILED"), .other),
            // Reasons of another library have other numbers.
            ("Error: 184549501 error:0b00007d:X.509 routines:OPENSSL_internal:INVALID_PARAMETERS at /x.cc:1", .other),
            ("Error:  EOF during handshake", nil), ("OPENSSL_internal:reason(4711) at /x.cc:1", nil), ("", nil),
        ] as [(String, SecurityReason.Kind?)])
    func `the number of a reason determines its kind`(line: String, kind: SecurityReason.Kind?) {
        #expect(SecurityReason(line: line)?.kind == kind)
    }

    @Test func `only the name of a reason is taken from its line`() {
        #expect(SecurityReason(line: Self.line(125, "CERTIFICATE_VERIFY_FAILED"))?.name == "CERTIFICATE_VERIFY_FAILED")
    }

    @Test(
        arguments: [
            (1040, "SSLV3_ALERT_HANDSHAKE_FAILURE", .refused, "desk.example.com refuses the TLS handshake: handshake failure"),
            (
                1112, "TLSV1_ALERT_UNRECOGNIZED_NAME", .refused,
                "desk.example.com refuses the TLS handshake: it does not know this host name"
            ),
            (
                1116, "TLSV1_ALERT_CERTIFICATE_REQUIRED", .wantsCertificate,
                "desk.example.com refuses the TLS handshake: it wants a client certificate (certificate required)"
            ),
            (
                1048, "TLSV1_ALERT_UNKNOWN_CA", .wantsCertificate,
                "desk.example.com refuses the TLS handshake: it wants a client certificate (unknown ca)"
            ),
            (240, "UNSUPPORTED_PROTOCOL", .refused, "desk.example.com refuses the TLS handshake: no version of TLS in common"),
            (1070, "TLSV1_ALERT_PROTOCOL_VERSION", .refused, "desk.example.com refuses the TLS handshake: no version of TLS in common"),
            (246, "WRONG_SSL_VERSION", .refused, "desk.example.com refuses the TLS handshake: wrong ssl version"),
            (
                130, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC", .other,
                "the TLS handshake with desk.example.com failed: decryption failed or bad record mac"
            ),
        ] as [(Int, String, TransportFailure.SecurityProblem, String)])
    func `a reason becomes a problem and a sentence about the host`(
        number: Int, name: String, problem: TransportFailure.SecurityProblem, sentence: String
    ) throws {
        let reason = try #require(SecurityReason(line: Self.line(number, name)))
        #expect(reason.problem == problem)
        #expect(reason.sentence(about: "desk.example.com") == sentence)
    }

    private func failure(afterHandshake number: Int, _ name: String = "TLSV1_ALERT", mayBeRefused: Bool = true) throws -> TransportFailure {
        let reason = try #require(SecurityReason(line: Self.line(number, name)))
        let failure = TransportFailure(afterHandshakeWith: "desk.example.com", failedBecauseOf: reason, mayBeRefused: mayBeRefused)
        expectPlain(failure)
        return failure
    }

    @Test func `after the handshake only an alert that refuses it says that the call was not applied`() throws {
        let refusing = [40, 41, 42, 43, 44, 45, 46, 48, 70, 71, 109, 110, 111, 112, 113, 114, 115, 116, 120]
        for number in 0...255 {
            let failure = try failure(afterHandshake: 1000 + number)
            #expect(failure.kind == (refusing.contains(number) ? .tls : .connectionClosed), "\(number)")
            #expect(failure.mayHaveBeenApplied == !refusing.contains(number), "\(number)")
        }
        #expect(try failure(afterHandshake: 130, "DECRYPTION_FAILED_OR_BAD_RECORD_MAC").mayHaveBeenApplied)
        let internalError = try failure(afterHandshake: 1080, "TLSV1_ALERT_INTERNAL_ERROR")
        #expect(internalError.detail == "TLS with desk.example.com failed: internal error")
    }

    @Test func `an alert after a handshake that the peer has accepted does not refuse it`() throws {
        for number in [40, 48, 70, 112, 116] {
            #expect(try failure(afterHandshake: 1000 + number, mayBeRefused: false).kind == .connectionClosed, "\(number)")
        }
    }

    @Test func `an error without a reason is reported without one`() {
        let reason = SecurityReason(BoringSSLError.syscallError)
        #expect(reason.problem == .other)
        #expect(
            reason.sentence(about: "desk.example.com") == "the TLS handshake with desk.example.com failed: no reason is known")
    }

    @Test func `bytes that are not a certificate, and incomplete certificates, have no issuer`() throws {
        let whole = try NIOSSLCertificate(bytes: Array(SecureServer.issued.utf8), format: .pem).toDERBytes()
        #expect(CertificateParties(whole)?.issuerName == "Example Authority")
        #expect(CertificateParties(whole)?.subject != CertificateParties(whole)?.issuer)
        for count in 0..<whole.count { #expect(CertificateParties(Array(whole[..<count])) == nil) }
        for length in [[0x80], [0x85, 1, 1, 1, 1, 1], [0x84, 0xFF, 0xFF, 0xFF, 0xFF], [0x05, 1]] as [[UInt8]] {
            #expect(CertificateParties([0x30] + length) == nil)
        }
    }
}
