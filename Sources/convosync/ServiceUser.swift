import Glibc

/// The user as which the service runs.
enum ServiceUser {
    static let name = "convosync"

    /// Root can read and create everything, the service cannot: with the service's own configuration, root becomes the service's user.
    /// Elsewhere, and where there is no such user, nothing happens.
    @discardableResult
    static func assume(toLookAt path: String) -> Bool {
        guard geteuid() == 0, path == "/etc/convosync/convosync.toml", let entry = getpwnam(name) else { return false }
        let (user, group) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        // In this order: without root's rights the group cannot be changed any more.
        guard initgroups(name, group) == 0, setgid(group) == 0, setuid(user) == 0 else {
            Terminal.printError("convosync: cannot become the user \(name)")
            return false
        }
        // What is created belongs to the group as well, as under the unit.
        umask(0o007)
        return true
    }
}
