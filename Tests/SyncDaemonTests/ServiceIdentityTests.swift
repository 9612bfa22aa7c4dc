import Fixtures
import Foundation
import SyncCore
import SyncStore
import SyncSystem
import Testing

@testable import SyncDaemon

/// Hints name the user that runs the service, whoever runs the command.
@Suite struct ServiceIdentityTests {
    private func identity(isRoot: Bool, hasService: Bool) -> ServiceIdentity {
        ServiceIdentity(
            isRoot: isRoot, user: isRoot ? "root" : "anna", group: isRoot ? "root" : "staff", hasServiceUser: hasService,
            hasServiceGroup: hasService)
    }

    @Test(arguments: [(true, true), (true, false), (false, true), (false, false)])
    func `hints never name root as the user that reads a token`(isRoot: Bool, hasService: Bool) {
        let identity = identity(isRoot: isRoot, hasService: hasService)
        let hints = [
            Inspection.remedy(for: .file(path: "/nowhere/vg.token"), reader: identity),
            Inspection.remedy(for: .file(path: "/etc/passwd"), reader: identity),
            Inspection.absence(of: "/nowhere/at/all.db", writer: identity).hint ?? "",
            Inspection.remedy(for: StoreError.readOnly(path: "/x.db"), path: "/x.db", writer: identity) ?? "",
        ]
        #expect(!hints.contains { $0.contains("root") }, "\(hints)")
    }

    @Test func `commands for root give files to the packaged user, or leave the name open`() {
        let packaged = identity(isRoot: true, hasService: true)
        #expect(
            Inspection.remedy(for: .file(path: "/nowhere/vg.token"), reader: packaged).hasPrefix("install -m 0640 -g convosync /dev/stdin"))
        #expect(
            Inspection.absence(of: "/nowhere/at/all.db", writer: packaged).hint?.hasPrefix(
                "install -d -m 2770 -o convosync -g convosync /nowhere/at")
                == true)
        let bare = identity(isRoot: true, hasService: false)
        #expect(
            Inspection.remedy(for: .file(path: "/etc/passwd"), reader: bare).hasSuffix(
                "readable for the user of the service: chgrp GROUP /etc/passwd; chmod 0640 /etc/passwd"))
        #expect(Inspection.absence(of: "/nowhere/at/all.db", writer: bare).hint?.contains("-o USER -g GROUP") == true)
    }

    @Test(arguments: ["/etc", "/dev/null"]) func `what is not a file of its own is never given to the service`(path: String) {
        let hint = Inspection.remedy(for: .file(path: path), reader: identity(isRoot: true, hasService: true))
        #expect(hint == "name a file that holds one word and nothing else")
    }

    @Test func `for another user, hints name that user`() {
        let anna = identity(isRoot: false, hasService: false)
        #expect(anna == ServiceIdentity(isRoot: false, user: "anna", group: "staff", hasServiceUser: false, hasServiceGroup: false))
        #expect(Inspection.remedy(for: .file(path: "/etc/passwd"), reader: anna).contains("readable for user anna: chgrp staff"))
        #expect(
            Inspection.remedy(for: .file(path: "/nowhere/vg.token"), reader: identity(isRoot: false, hasService: true)).contains(
                "-g convosync"))
    }

    /// The application's directory: another group would lock the application out.
    @Test func `a folder of another group keeps its group, and the service's user is added to it`() throws {
        let directory = try TemporaryDirectory()
        let service = identity(isRoot: true, hasService: true)
        var status = try FileStatus(of: directory.path)
        (status.group, status.permissions) = (1_234_567, 0o2770)
        let hint = Inspection.admission(to: "/srv/app", status, holdsDatabase: true, of: service)
        #expect(hint == "it belongs to the group 1234567: adduser convosync 1234567, then restart the service")
        status.permissions = 0o700
        #expect(Inspection.admission(to: "/srv/app", status, holdsDatabase: true, of: service).contains("chmod g+rwx /srv/app; adduser"))
        let above = Inspection.admission(to: "/srv", status, holdsDatabase: false, of: service)
        #expect(above.contains("chmod g+x /srv; adduser") && !above.contains("chgrp"))
        status.group = 0
        #expect(
            Inspection.admission(to: "/srv/app", status, holdsDatabase: true, of: service)
                == "make the directory writable for user convosync: chgrp convosync /srv/app; chmod 2770 /srv/app")
        #expect(!Inspection.admission(to: "/root", status, holdsDatabase: false, of: service).contains("chgrp"))
    }

    /// As `check` sees it in the unit, which knows no other groups than root's and its own.
    @Test func `a group that is not known here gets no name, and a folder that the unit may not write is named for a drop-in`() throws {
        let directory = try TemporaryDirectory()
        let service = identity(isRoot: false, hasService: true)
        var status = try FileStatus(of: directory.path)
        (status.group, status.permissions) = (ServiceIdentity.unseenGroup, 0o2770)
        #expect(
            Inspection.admission(to: "/srv/app", status, holdsDatabase: true, of: service)
                == "it belongs to a group that cannot be seen from inside the unit; `stat -c %G /srv/app` names it: adduser convosync to that group, "
                + "ReadWritePaths=/srv/app in a drop-in (systemctl edit convosync), then restart the service")
        for (folder, holdsDatabase) in [("/var/lib/convosync", true), ("/var/lib/convosync/data", true), ("/srv", false)] {
            let hint = Inspection.admission(to: folder, status, holdsDatabase: holdsDatabase, of: service)
            #expect(hint.contains("`stat -c %G \(folder)`") && !hint.contains("ReadWritePaths") && !hint.contains("nogroup"), "\(hint)")
        }
    }

    private func closedFolder(in directory: TemporaryDirectory) throws -> String {
        let closed = directory.file("closed")
        try FileManager.default.createDirectory(atPath: closed, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o600])
        return closed
    }

    @Test func `a folder that cannot be searched is named, instead of saying that the database does not exist`() throws {
        let directory = try TemporaryDirectory()
        let closed = try closedFolder(in: directory)
        for path in ["\(closed)/x.db", "\(closed)/below/x.db"] {
            let finding = try UnprivilegedUser.perform {
                Inspection.absence(of: path, writer: identity(isRoot: false, hasService: false))
            }
            #expect(finding.text == "\(path) cannot be looked for: user anna may not search \(closed)")
            #expect(finding.severity == .problem)
        }
    }

    @Test func `a folder that cannot be searched is named for tokens and for the configuration file as well`() throws {
        let directory = try TemporaryDirectory()
        let closed = try closedFolder(in: directory)
        let path = "\(closed)/vg.token"
        let service = identity(isRoot: true, hasService: true)
        let error = try UnprivilegedUser.perform { () -> CredentialError? in
            do throws(CredentialError) {
                _ = try CredentialSource.file(path: path).read(environment: [:])
                return nil
            } catch {
                return error
            }
        }
        #expect(error?.reason == "token_file \(path): the file cannot be looked for: this user may not search \(closed)")
        let remedy = try UnprivilegedUser.perform { Inspection.remedy(for: .file(path: path), reader: service) }
        let obstacle = try UnprivilegedUser.perform { ConfigurationFile.obstacle(at: "\(closed)/below/c.toml", reader: service) }
        #expect(remedy.contains(closed) && !remedy.contains("install"))
        #expect(obstacle.contains("c.toml cannot be looked for: user convosync may not search \(closed); "), "\(obstacle)")
        #expect(!obstacle.contains("does not exist"))
    }

    @Test func `a folder of root that holds a token or the configuration is given to the service's group`() throws {
        let directory = try TemporaryDirectory()
        let service = identity(isRoot: true, hasService: true)
        let path = try closedFolder(in: directory)
        let found = try UnprivilegedUser.perform { ClosedFolder(above: "\(path)/x") }
        var closed = try #require(found)
        closed.status.group = 0
        #expect(
            Inspection.admission(toFile: "\(path)/x", in: closed, of: service)
                == "let user convosync search \(path): chgrp convosync \(path); chmod 2750 \(path), or keep the file elsewhere")
        #expect(
            Inspection.admission(toFile: "\(path)/below/x", in: closed, of: service)
                == "let user convosync search \(path): chmod o+x \(path), or keep the file elsewhere")
        closed.status.group = 1_234_567
        #expect(
            Inspection.admission(toFile: "\(path)/x", in: closed, of: service)
                == "it belongs to the group 1234567: chmod g+x \(path); adduser convosync 1234567, then restart the service")
    }
}
