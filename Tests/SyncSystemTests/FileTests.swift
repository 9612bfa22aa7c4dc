import Fixtures
import FoundationEssentials
import Glibc
import Testing

@testable import SyncSystem

/// New files, and the status of files.
@Suite struct FileTests {
    private static func withFolder(_ body: (String) throws -> Void) throws {
        let folder = try TemporaryDirectory()
        try body(folder.path)
    }

    @Test func `a new file has the given content and permissions`() throws {
        try Self.withFolder { folder in
            let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
            do {
                let file = try NewFile("\(folder)/a", permissions: 0o600)
                try file.write(bytes)
                try file.setPermissions(0o644)
            }
            #expect(FileManager.default.contents(atPath: "\(folder)/a").map { Array($0) } == bytes)
            let status = try FileStatus(of: "\(folder)/a")
            #expect(status.permissions == 0o644)
            #expect(status.size == 100_000)
            #expect(status.kind == .regular)
            #expect(status.owner == geteuid())
        }
    }

    @Test func `a new file replaces nothing, and is not created where a symbolic link leads`() throws {
        try Self.withFolder { folder in
            _ = try NewFile("\(folder)/a", permissions: 0o600)
            symlink("\(folder)/elsewhere", "\(folder)/link")
            for name in ["a", "link"] {
                let error = #expect(throws: SystemError.self) { _ = try NewFile("\(folder)/\(name)", permissions: 0o600) }
                #expect(error?.code == EEXIST)
            }
            #expect(FileStatus.ifPresent("\(folder)/elsewhere") == nil)
        }
    }

    @Test func `a file is the same under another name, and a new file under its name is not`() throws {
        try Self.withFolder { folder in
            try NewFile("\(folder)/a", permissions: 0o600).write([1])
            let first = try FileStatus(of: "\(folder)/a")
            link("\(folder)/a", "\(folder)/b")
            symlink("\(folder)/a", "\(folder)/c")
            #expect(try FileStatus(of: "\(folder)/b").identity == first.identity)
            #expect(try FileStatus(of: "\(folder)/c").identity == first.identity)
            #expect(try FileStatus(of: "\(folder)/c", followsLinks: false).kind == .symbolicLink)
            try NewFile("\(folder)/d", permissions: 0o600).write([1])
            rename("\(folder)/d", "\(folder)/a")
            #expect(try FileStatus(of: "\(folder)/a").identity != first.identity)
        }
    }

    @Test func `a missing file is an error that says so`() throws {
        let error = #expect(throws: SystemError.self) { try FileStatus(of: "/nonexistent/a") }
        #expect(error == SystemError(code: ENOENT))
        #expect(error?.description == "No such file or directory")
        #expect(throws: SystemError(code: EBADF)) { try FileStatus(ofDescriptor: -1) }
        #expect(try FileStatus(of: "/").kind == .directory)
    }
}
