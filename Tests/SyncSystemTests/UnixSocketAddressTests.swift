import Glibc
import Testing

@testable import SyncSystem

@Suite struct UnixSocketAddressTests {
    private static func bytes(_ address: UnixSocketAddress) -> [UInt8] {
        address.withPointer { pointer, length in Array(UnsafeRawBufferPointer(start: pointer, count: Int(length)).dropFirst(2)) }
    }

    @Test func `a path ends with a zero byte, a name in the abstract namespace begins with one`() throws {
        #expect(try Self.bytes(#require(UnixSocketAddress(path: "/run/a"))) == Array("/run/a".utf8) + [0])
        #expect(try Self.bytes(#require(UnixSocketAddress(abstractName: "a"))) == [0] + Array("a".utf8))
    }

    @Test func `a path must fit with its zero byte`() {
        #expect(UnixSocketAddress.longestPath == 107)
        #expect(UnixSocketAddress(path: String(repeating: "a", count: 107)) != nil)
        #expect(UnixSocketAddress(abstractName: String(repeating: "a", count: 107)) != nil)
        #expect(UnixSocketAddress(path: String(repeating: "a", count: 108)) == nil)
        #expect(UnixSocketAddress(abstractName: String(repeating: "a", count: 108)) == nil)
        for path in ["", "a\0b"] { #expect(UnixSocketAddress(path: path) == nil) }
        #expect(UnixSocketAddress(abstractName: "") == nil)
    }

    @Test func `a socket that is bound to an address is found by it`() throws {
        let address = try #require(UnixSocketAddress(abstractName: "convosync-test-\(getpid())-\(UInt64.random(in: 0...(.max)))"))
        let (receiver, sender) = (socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0), socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0))
        defer {
            close(receiver)
            close(sender)
        }
        #expect(address.withPointer { bind(receiver, $0, $1) } == 0)
        #expect(address.withPointer { sendto(sender, [7], 1, 0, $0, $1) } == 1)
        var received: UInt8 = 0
        #expect(recv(receiver, &received, 1, 0) == 1)
        #expect(received == 7)
    }
}
