import Dispatch
import Glibc
import NIOCore
import NIOPosix

/// Finds the addresses of host names for one transport. Bound to its event loop.
///
/// getaddrinfo(3) blocks, for half a minute if no name server responds. It runs on a queue of its own, so neither the event loop nor the
/// names of other transports wait for it. Attempts that need a name while it is being resolved share the result: at most one lookup of a
/// name is in progress, however many attempts time out waiting for it.
final class NameLookup {
    /// Blocks. An empty result means that the name is unknown, or that no name server responded.
    typealias Resolve = @Sendable (Origin) -> [SocketAddress]

    private let loop: any EventLoop
    private let resolve: Resolve
    private let queue = DispatchQueue(label: "convosync.names")
    private var lookups: [Origin: EventLoopFuture<[SocketAddress]>] = [:]

    init(on loop: any EventLoop, _ resolve: @escaping Resolve) {
        self.loop = loop
        self.resolve = resolve
    }

    func addresses(of origin: Origin) -> EventLoopFuture<[SocketAddress]> {
        if let lookup = lookups[origin] { return lookup }
        let promise = loop.makePromise(of: [SocketAddress].self)
        lookups[origin] = promise.futureResult
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in lookups[origin] = nil }
        queue.async { [resolve] in promise.succeed(resolve(origin)) }
        return promise.futureResult
    }

    /// The addresses that the system finds, in its order (RFC 6724).
    @Sendable static func system(_ origin: Origin) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_protocol = Int32(IPPROTO_TCP)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(origin.host, String(origin.port), &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        return sequence(first: first) { $0?.pointee.ai_next }.compactMap { entry in
            guard let entry, let address = UnsafeRawPointer(entry.pointee.ai_addr) else { return nil }
            return switch entry.pointee.ai_family {
            case AF_INET: SocketAddress(address.load(as: sockaddr_in.self), host: origin.host)
            case AF_INET6: SocketAddress(address.load(as: sockaddr_in6.self), host: origin.host)
            default: nil
            }
        }
    }
}

/// Addresses that were resolved before, in the form that swift-nio expects.
struct FoundAddresses: Resolver, Sendable {
    let addresses: [SocketAddress]
    let loop: any EventLoop

    func initiateAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        loop.makeSucceededFuture(addresses.filter { $0.protocol == .inet })
    }

    func initiateAAAAQuery(host: String, port: Int) -> EventLoopFuture<[SocketAddress]> {
        loop.makeSucceededFuture(addresses.filter { $0.protocol == .inet6 })
    }

    func cancelQueries() {}
}
