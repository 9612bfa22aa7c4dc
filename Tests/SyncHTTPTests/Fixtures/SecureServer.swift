import NIOCore
import NIOPosix
import NIOSSL

/// A TLS server on a free loopback port that responds to everything with the same bytes.
final class SecureServer: Sendable {
    private let channel: any Channel
    let port: Int

    /// - Parameters:
    ///   - needsClientCertificate: which no client here has. With TLS 1.3 the server misses it when the client has finished its handshake.
    ///   - certificate: the certificate that it shows, for ``key``.
    static func start(
        _ response: String, closes: Bool = false, needsClientCertificate: Bool = false, showing certificate: String = certificate
    ) async throws -> SecureServer {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
        if needsClientCertificate {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .certificates([])
        }
        let context = try NIOSSLContext(configuration: configuration)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        NIOSSLServerHandler(context: context), Responding(response, closes: closes))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return SecureServer(channel)
    }

    private init(_ channel: any Channel) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    func stop() async throws {
        try await channel.close()
    }

    private final class Responding: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let response: String
        private let closes: Bool

        init(_ response: String, closes: Bool) {
            self.response = response
            self.closes = closes
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: response)), promise: nil)
            if closes { context.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }

    /// For `localhost` and `127.0.0.1`, signed by itself, valid from 2020 to 2120. The key is not a secret: no system trusts it.
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBZDCCAQugAwIBAgIBATAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhsb29wYmFj
        azAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowEzERMA8GA1UEAwwI
        bG9vcGJhY2swWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR0TbiEY8wAxsfAuou7
        GHHV2Ag4HBqorqCY0jH4B/giY0fqyz+BVrgrezOhQjd0StcHOeEI653m5OVd6O6n
        LuKAo04wTDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTYn0nosLnaZhjpVkv8
        LjvkXkILGDAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZIzj0EAwID
        RwAwRAIgeF+f+D5c3wGqJYuMXDjDx4TWmOhaARCpXM3WlmRqx88CIDU0NxWMkynF
        koO1Bmfd1xuYLCUazTBVrDnyZUANBaO3
        -----END CERTIFICATE-----
        """
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWLQ8Az0lKqyjlpUh
        5MRgHHZoDvT359dEn7neByBCkfehRANCAAR0TbiEY8wAxsfAuou7GHHV2Ag4HBqo
        rqCY0jH4B/giY0fqyz+BVrgrezOhQjd0StcHOeEI653m5OVd6O6nLuKA
        -----END PRIVATE KEY-----
        """
}
