import Glibc
import SyncSystem

/// The user that the service runs as.
enum ServiceUser {
    static let name = "convosync"

    /// Root can read and create everything, and the service cannot. With the service's own configuration, root therefore continues as the service's
    /// user. With another configuration, or if there is no such user, nothing changes.
    @discardableResult
    static func assume(toLookAt path: String) -> Bool {
        guard geteuid() == 0, isInstalled(path), let entry = getpwnam(name) else { return false }
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

    /// Whether it is the service's own file, by whatever path, or the path where it is going to be.
    private static func isInstalled(_ path: String) -> Bool {
        let usual = ConfigurationOptions.installedPath
        guard path != usual, let file = FileStatus.ifPresent(path) else { return path == usual }
        return file.identity == FileStatus.ifPresent(usual)?.identity
    }
}
