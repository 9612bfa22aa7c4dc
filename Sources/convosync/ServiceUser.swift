import Glibc

/// The user that the service runs as.
enum ServiceUser {
    static let name = "convosync"

    /// Root can read and create everything, and the service cannot. With the service's own configuration, root therefore continues as the service's
    /// user. With another configuration, or if there is no such user, nothing changes.
    @discardableResult
    static func assume(toLookAt path: String) -> Bool {
        guard geteuid() == 0, path == "/etc/convosync/convosync.toml", let entry = getpwnam(name) else { return false }
        let (user, group) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        // In this order: the group can only be changed with root's privileges.
        guard initgroups(name, group) == 0, setgid(group) == 0, setuid(user) == 0 else {
            Terminal.printError("convosync: cannot become the user \(name)")
            return false
        }
        // New files are writable for the group, as under the unit.
        umask(0o007)
        return true
    }
}
