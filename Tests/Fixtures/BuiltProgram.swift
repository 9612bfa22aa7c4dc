import Foundation

/// The program `convosync` that was built together with this executable.
package enum BuiltProgram {
    /// It is in the folder of this executable.
    package static let path: String = {
        // Always there on Linux.
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return (executable as NSString).deletingLastPathComponent + "/convosync"
    }()

    /// What every process gets. A crash must not write a report to the log, and must not take minutes over it. A sanitizer of the tests is one of the
    /// program as well.
    package static let environment: [String: String] = {
        var all = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
        let inherited = ["LD_LIBRARY_PATH", "LD_PRELOAD", "HOME", "LLVM_PROFILE_FILE", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS"]
        for name in inherited { all[name] = ProcessInfo.processInfo.environment[name] }
        return all
    }()
}
