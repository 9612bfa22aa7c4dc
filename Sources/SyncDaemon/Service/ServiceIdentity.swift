import Glibc

/// The user and group that hints name: those as which the service runs, whoever looks.
///
/// | who looks                                   | user                       | owner and group in commands      |
/// |---------------------------------------------|----------------------------|----------------------------------|
/// | root, and the package has made its user     | user convosync             | convosync                        |
/// | root, and there is no such user             | the user of the service    | USER, GROUP, to be filled in     |
/// | anybody else                                | that user                  | that user; group convosync, if that exists, or their own |
struct ServiceIdentity: Equatable {
    /// For a sentence: `user convosync`.
    var user: String
    /// For `install -o` and `-g`, `chgrp`.
    var owner: String
    var group: String

    /// The user and the group that the package makes.
    static let name = "convosync"

    /// - Parameters:
    ///   - user: who looks.
    ///   - group: the one of who looks.
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
}
