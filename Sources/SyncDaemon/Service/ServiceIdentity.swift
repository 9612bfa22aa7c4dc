import Glibc
import SyncStore

/// The user and group named in hints: those of the service, whoever runs the command.
///
/// | user running the command                    | user                       | owner and group in commands      |
/// |---------------------------------------------|----------------------------|----------------------------------|
/// | root, and the package has created its user  | user convosync             | convosync                        |
/// | root, and there is no such user             | the user of the service    | USER, GROUP, to be filled in     |
/// | another user                                | that user                  | convosync if that user exists, else that user; group likewise |
struct ServiceIdentity: Equatable {
    /// For a sentence: `user convosync`.
    var user: String
    /// For `install -o` and `-g`, `chgrp`.
    var owner: String
    var group: String

    /// The user and group that the package creates.
    static let name = "convosync"

    /// - Parameters:
    ///   - user: the user running the command.
    ///   - group: the group of that user.
    init(isRoot: Bool, user: String, group: String, hasServiceUser: Bool, hasServiceGroup: Bool) {
        if isRoot {
            self.user = hasServiceUser ? "user \(ServiceIdentity.name)" : "the user of the service"
            owner = hasServiceUser ? ServiceIdentity.name : "USER"
            self.group = hasServiceGroup ? ServiceIdentity.name : "GROUP"
        } else {
            self.user = "user \(user)"
            owner = hasServiceUser ? ServiceIdentity.name : user
            self.group = hasServiceGroup ? ServiceIdentity.name : group
        }
    }

    static var present: ServiceIdentity {
        let (user, group) = (geteuid(), getegid())
        return ServiceIdentity(
            isRoot: user == 0, user: getpwuid(user).map { String(cString: $0.pointee.pw_name) } ?? "\(user)",
            group: getgrgid(group).map { String(cString: $0.pointee.gr_name) } ?? "\(group)", hasServiceUser: getpwnam(name) != nil,
            hasServiceGroup: getgrnam(name) != nil)
    }

    /// The number that stands for every group that this process's user namespace does not know (user_namespaces(7)). That of the unit knows root's and
    /// the service's own (`PrivateUsers=`).
    static let unseenGroup = UInt32(ProcessIdentity.text(of: "/proc/sys/kernel/overflowgid")) ?? 65_534

    /// The name of a group that somebody else's files belong to; nil for the service's own group, and for root's.
    func foreignGroup(_ number: UInt32) -> String? {
        guard number != 0 else { return nil }
        let name = getgrgid(number).map { String(cString: $0.pointee.gr_name) } ?? "\(number)"
        return name == group ? nil : name
    }
}
