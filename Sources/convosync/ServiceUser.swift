import Foundation

/// The user as which the service runs.
enum ServiceUser {
    static let name = "convosync"

    /// Root can read everything, the service cannot: for the service's own configuration, root becomes the service's user. Elsewhere,
    /// and where there is no such user, nothing happens.
    static func assume(toLookAt path: String) {
        guard geteuid() == 0, path == "/etc/convosync/convosync.toml", let entry = getpwnam(name) else { return }
        let (user, group) = (entry.pointee.pw_uid, entry.pointee.pw_gid)
        // In this order: without root's rights the group cannot be changed any more.
        guard initgroups(name, group) == 0, setgid(group) == 0, setuid(user) == 0 else {
            return Terminal.printError("convosync: cannot become the user \(name); this is what root sees")
        }
        Terminal.printError("(as user \(name))")
    }
}
