import Foundation

/// The program `convosync` that was built together with this executable.
package enum BuiltProgram {
    /// It is in the folder of this executable.
    package static let path: String = {
        // Always there on Linux.
        let executable = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return (executable as NSString).deletingLastPathComponent + "/convosync"
    }()

    /// What every process gets. A crash must not write a report to the log, and must not take minutes over it.
    package static let environment: [String: String] = {
        var all = ["PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
        for name in ["LD_LIBRARY_PATH", "HOME", "LLVM_PROFILE_FILE"] { all[name] = ProcessInfo.processInfo.environment[name] }
        return all
    }()
}
