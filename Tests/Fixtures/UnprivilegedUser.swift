import Glibc

/// Access to files as a user without privileges, also for tests that root runs.
package enum UnprivilegedUser {
    /// `nobody`, by its usual number.
    private static let number: UInt32 = 65_534

    /// On this thread, files are used with the rights of `nobody` (setfsuid(2)) if root runs the tests, and with those of this user otherwise. access(2)
    /// goes by the process's user all the same.
    package static func perform<Value>(_ body: () throws -> Value) throws -> Value {
        guard geteuid() == 0 else { return try body() }
        guard let symbol = dlsym(nil, "setfsuid") else { throw HarnessError("there is no setfsuid") }
        let setUser = unsafeBitCast(symbol, to: (@convention(c) (UInt32) -> Int32).self)
        _ = setUser(number)
        defer { _ = setUser(0) }
        return try body()
    }
}
