import NIOCore
import NIOPosix
import NIOSSL
import SyncCore

/// Making a connection: name resolution with both address families (RFC 8305), TCP, and TLS with full verification.
extension Connections {
    func connect(_ connection: ConnectionID) {
        let deadline = NIODeadline.now() + limits.connectTimeout.timeAmount
        let timer = loop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in connectFailed(connection, .noConnectionInTime) }
        attempts[connection] = Attempt(deadline: deadline, timer: timer)
        let origin = origins[connection.pool]
        names.addresses(of: origin).assumeIsolated().whenSuccess { [self] addresses in
            guard !addresses.isEmpty else { return connectFailed(connection, .unknownHost(origin.host)) }
            secure(connection, origin, addresses)
        }
    }

    private func secure(_ connection: ConnectionID, _ origin: Origin, _ addresses: [SocketAddress]) {
        guard origin.isSecure else { return dial(connection, origin, addresses, nil) }
        secureContext().assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let context): dial(connection, origin, addresses, context)
            case .failure:
                tls = nil
                connectFailed(connection, .noSecureContext)
            }
        }
    }

    private func dial(_ connection: ConnectionID, _ origin: Origin, _ addresses: [SocketAddress], _ context: NIOSSLContext?) {
        // The attempt ended while it waited for the name or for the certificates.
        guard let attempt = attempts[connection] else { return }
        ClientBootstrap(group: loop)
            .resolver(FoundAddresses(addresses: addresses, loop: loop))
            .connectTimeout(attempt.deadline - .now())
            // Nothing is read before the handler is in the pipeline.
            .channelOption(.autoRead, value: false)
            .connect(host: origin.host, port: origin.port)
            .assumeIsolated().whenComplete { [self] result in
                switch result {
                case .success(let channel): arrived(connection, channel, origin, context)
                case .failure(let error): connectFailed(connection, TransportFailure(connecting: error))
                }
            }
    }

    private func arrived(_ connection: ConnectionID, _ channel: any Channel, _ origin: Origin, _ context: NIOSSLContext?) {
        // The attempt has ended, by its timeout or a shutdown.
        guard attempts[connection] != nil else { return channel.close(promise: nil) }
        do {
            let security = try context.map { try NIOSSLClientHandler(context: $0, serverHostname: origin.serverName) }
            let handler = ConnectionHandler(connection, owner: self, limits: limits, host: origin.host, security: security)
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(handler)
            add(handler)
            // Before the first byte is written: if writing fails, bytes that the peer sent before are read first.
            channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
            if let security { try pipeline.addHandler(security, position: .first) }
        } catch {
            channel.close(promise: nil)
            return connectFailed(connection, TransportFailure(inHandshake: error, with: origin.host, certificate: nil))
        }
        if context == nil { connected(connection) }
    }

    private func secureContext() -> EventLoopFuture<NIOSSLContext> {
        if let tls { return tls }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.applicationProtocols = ["http/1.1"]
        if let trustRoots { configuration.trustRoots = trustRoots }
        // In a thread pool, because it reads files.
        let made = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { [configuration] in
            try NIOSSLContext(configuration: configuration)
        }
        tls = made
        return made
    }
}
