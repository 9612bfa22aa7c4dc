import Fixtures
import Foundation

/// A small file system of its own, mounted on a folder.
struct Mount: Sendable {
    let path: String

    /// In memory.
    static func memory(on path: String, mebibytes: Int) async throws -> Mount {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try await command("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=\(mebibytes)m", "tmpfs", path])
        return Mount(path: path)
    }

    /// ext4 in a file, which becomes read-only at the first error.
    static func image(_ image: String, on path: String) async throws -> Mount {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        if !FileManager.default.fileExists(atPath: image) {
            try await command("/usr/bin/truncate", ["-s", "32M", image])
            try await command("/usr/sbin/mkfs.ext4", ["-q", image])
        }
        try await command("/usr/bin/mount", ["-o", "loop,errors=remount-ro", image, path])
        return Mount(path: path)
    }

    func remount(readOnly: Bool) async throws {
        try await Self.command("/usr/bin/mount", ["-o", "remount,\(readOnly ? "ro" : "rw")", path])
    }

    /// The kernel takes it that the disk has failed.
    func fail() throws {
        let mounts = try String(contentsOfFile: "/proc/mounts", encoding: .utf8).split(separator: "\n").map { $0.split(separator: " ") }
        guard let device = mounts.first(where: { $0.count > 1 && $0[1] == path })?[0].split(separator: "/").last else {
            throw HarnessError("\(path) is not mounted")
        }
        guard let trigger = FileHandle(forWritingAtPath: "/sys/fs/ext4/\(device)/trigger_fs_error") else {
            throw HarnessError("errors of \(device) cannot be triggered")
        }
        try trigger.write(contentsOf: Data("1".utf8))
        try trigger.close()
    }

    /// Writes a file that takes all the room that is left.
    /// - Returns: its path.
    func fill() throws -> String {
        let filler = "\(path)/filler"
        let descriptor = open(filler, O_WRONLY | O_CREAT, 0o644)
        guard descriptor >= 0 else { throw HarnessError("cannot write \(filler): error \(errno)") }
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 4096)
        while write(descriptor, block, block.count) > 0 {}
        return filler
    }

    func unmount() async throws { try await Self.command("/usr/bin/umount", [path]) }

    private static func command(_ path: String, _ arguments: [String]) async throws {
        let log = FileManager.default.temporaryDirectory.appending(path: "convosync-mount-\(UUID().uuidString)").path
        defer { unlink(log) }
        let process = try ProgramRun(arguments, path: path, logPath: log)
        guard await process.end() == 0 else { throw HarnessError("\(path) \(arguments.joined(separator: " ")): \(process.log)") }
    }
}
