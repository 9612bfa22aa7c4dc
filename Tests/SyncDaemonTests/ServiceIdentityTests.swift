import SyncCore
import SyncStore
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

    @Test func `for another user, hints name that user`() {
        let anna = identity(isRoot: false, hasService: false)
        #expect(anna == ServiceIdentity(isRoot: false, user: "anna", group: "staff", hasServiceUser: false, hasServiceGroup: false))
        #expect(Inspection.remedy(for: .file(path: "/etc/passwd"), reader: anna).contains("readable for user anna: chgrp staff"))
        #expect(
            Inspection.remedy(for: .file(path: "/nowhere/vg.token"), reader: identity(isRoot: false, hasService: true)).contains(
                "-g convosync"))
    }
}
