import Fixtures
import Foundation

/// A wall clock that a process gets instead of the machine's, and that can be set while it runs. The steady clocks stay as they are, as when
/// an administrator sets the clock.
///
/// The process loads a small library for it, which is compiled with `cc` when it is needed.
struct AdjustableClock: Sendable {
    private let offsetPath: String
    /// For the process.
    let environment: [String: String]

    /// Reads the offset, in seconds, from a file that is mapped into memory.
    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        static volatile long *offset;
        __attribute__((constructor)) static void map_offset(void) {
            int file = open(getenv("TORTURE_CLOCK"), O_RDONLY | O_CLOEXEC);
            void *page = mmap(0, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
            if (file < 0 || page == MAP_FAILED) abort();
            close(file);
            offset = page;
        }
        int clock_gettime(clockid_t clock, struct timespec *time) {
            int result = syscall(SYS_clock_gettime, clock, time);
            if (result == 0 && clock == CLOCK_REALTIME && offset) time->tv_sec += *offset;
            return result;
        }
        """

    static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/cc") }

    /// - Parameter folder: for the library and the offset.
    init(in folder: String) async throws {
        let (code, library) = ("\(folder)/clock.c", "\(folder)/clock.so")
        try Data(Self.source.utf8).write(to: URL(filePath: code))
        let compiler = try ProgramRun(["-shared", "-fPIC", "-O1", "-o", library, code], path: "/usr/bin/cc", logPath: "\(folder)/cc.log")
        guard await compiler.end() == 0 else { throw HarnessError("the clock cannot be compiled: \(compiler.log)") }
        offsetPath = "\(folder)/clock"
        environment = ["LD_PRELOAD": library, "TORTURE_CLOCK": offsetPath]
        try set(seconds: 0)
    }

    /// Sets the clock to this many seconds after the machine's.
    func set(seconds: Int) throws {
        let descriptor = open(offsetPath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HarnessError("cannot write \(offsetPath): error \(errno)") }
        defer { close(descriptor) }
        var value = seconds
        // In place: the process has the file mapped.
        guard write(descriptor, &value, MemoryLayout<Int>.size) == MemoryLayout<Int>.size else {
            throw HarnessError("cannot write \(offsetPath): error \(errno)")
        }
    }
}
