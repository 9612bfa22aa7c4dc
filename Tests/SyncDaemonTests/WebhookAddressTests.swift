import Fixtures
import Foundation
import SyncCore
import Testing

@testable import SyncDaemon

/// Addresses where a listener can be, and where it cannot.
@Suite struct WebhookAddressTests {
    @Test func `an address in use is named`() async throws {
        let hooks = try await Hooks.start()
        var settings = Hooks.settings
        settings.address = hooks.listener.address
        let error = await #expect(throws: ConfigurationError.self) { _ = try await Hooks.start(settings) }
        #expect(error?.description.contains("cannot listen on \(settings.address): another program listens there; end it") == true)
        await hooks.stop()
        let successor = try await Hooks.start(settings)
        #expect(successor.listener.address == settings.address)
        await successor.stop()
    }

    @Test func `a unix socket is created, protected from other users, and removed`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("hooks.sock")
        var settings = Hooks.settings
        settings.address = .unix(path: path)
        let first = try await Hooks.start(settings)
        #expect(try await first.call(Hooks.fin(Hooks.status("c1"))).status == 200)
        let taken = await #expect(throws: ConfigurationError.self) { _ = try await Hooks.start(settings) }
        #expect(taken?.description.contains("another program listens there") == true)
        #expect(try await first.call(Hooks.request("HEAD", "/hooks/fin")).status == 200, "it was left alone")
        await first.stop()
        #expect(!FileManager.default.fileExists(atPath: path))

        try Self.leaveSocketBehind(at: path)
        let second = try await Hooks.start(settings)
        #expect(try await second.call(Hooks.request("HEAD", "/hooks/fin")).status == 200)
        await second.stop()

        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        let refused = await #expect(throws: ConfigurationError.self) { _ = try await Hooks.start(settings) }
        #expect(refused?.description.contains("not a socket lies there") == true)
        #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
        settings.address = .unix(path: directory.file("missing/hooks.sock"))
        let missing = await #expect(throws: ConfigurationError.self) { _ = try await Hooks.start(settings) }
        #expect(missing?.description.contains("RuntimeDirectory") == true, "\(String(describing: missing))")
    }

    /// The leftover of a program that was killed.
    private static func leaveSocketBehind(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        close(descriptor)
        #expect(result == 0)
    }
}
