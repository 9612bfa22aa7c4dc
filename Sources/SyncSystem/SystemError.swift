import Glibc

/// What a system call failed with (errno(3)).
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `ENOENT` and the like.
    package var code: Int32

    package init(code: Int32) {
        self.code = code
    }

    /// Of the call that has just failed on this thread.
    package static var last: SystemError { SystemError(code: errno) }

    /// `No such file or directory`
    package var description: String { String(cString: strerror(code)) }
}
