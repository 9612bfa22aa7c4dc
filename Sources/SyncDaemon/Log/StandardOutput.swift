import Glibc

/// Writes lines to standard output or standard error: one system call per line, so that lines of several processes on one pipe do not mix.
package enum StandardOutput {
    /// Blocks until the line is written, even if the descriptor was made non-blocking, as some supervisors do. A reader that has gone away is not an
    /// error.
    package static func write(_ line: [UInt8], to descriptor: Int32 = STDOUT_FILENO) {
        var rest = line[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                rest = rest.dropFirst(written)
            } else if errno == EAGAIN {
                _ = isWritable(descriptor, within: -1)
            } else if errno != EINTR {
                return
            }
        }
    }

    /// Whether a few bytes can be written within this number of milliseconds; -1 waits without a limit.
    package static func isWritable(_ descriptor: Int32, within milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }
}
