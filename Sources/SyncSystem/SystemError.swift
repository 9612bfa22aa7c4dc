import Glibc

/// The error of a failed system call (errno(3)).
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The value of errno, such as `ENOENT`.
    package var code: Int32

    package init(code: Int32) {
        self.code = code
    }

    /// The error of the call that has just failed on this thread.
    package static var last: SystemError { SystemError(code: errno) }

    /// `No such file or directory`
    package var description: String { String(cString: strerror(code)) }
}
