import Testing

@testable import SyncSystem

@Suite struct FilePathTests {
    @Test(arguments: [
        ("/etc/convosync/convosync.toml", "/etc/convosync", "convosync.toml"), ("/hosts", "/", "hosts"), ("hosts", "", "hosts"),
        ("a/b", "a", "b"), ("a/b/", "a", "b"), ("a//b", "a", "b"), ("//b", "/", "b"), ("/", "/", ""), ("", "", ""), ("./b", ".", "b"),
        // One character to a reader, two to the system.
        ("a/\u{301}b", "a", "\u{301}b"),
    ])
    func `a path has a folder and a name`(path: String, folder: String, name: String) {
        #expect(FilePath.folder(of: path) == folder)
        #expect(Array(FilePath.name(of: path).utf8) == Array(name.utf8))
    }

    @Test func `only the home directory at the beginning of a path is replaced`() {
        #expect(FilePath.expandingHome("~/a.toml").hasSuffix("/a.toml"))
        #expect(FilePath.expandingHome("~/a.toml").hasPrefix("/"))
        for path in ["/a", "a", "~", "~anna/a", ""] { #expect(FilePath.expandingHome(path) == path) }
    }

    @Test(arguments: [
        ("x.toml", "/srv/app/x.toml"), ("./x.toml", "/srv/app/x.toml"), ("a/./b//x.toml", "/srv/app/a/b/x.toml"),
        ("/etc/./x.toml", "/etc/x.toml"), ("/x.toml", "/x.toml"), ("/usr/bin/../x.toml", "/usr/x.toml"),
        ("/none/../x.toml", "/none/../x.toml"), ("/usr/../x.toml", "/x.toml"),
    ])
    func `paths are absolute and normalized`(typed: String, written: String) {
        #expect(FilePath.absolute(typed, in: "/srv/app") == written)
    }
}
