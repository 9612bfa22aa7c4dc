import SyncCore

/// The kinds of remote system that the program knows: the only list. ARCHITECTURE.md, "Adding a kind of remote", describes the steps for a
/// new one.
package enum Kinds {
    package static let all: [Kind] = [.helpdesk, .fin, .voicebot, .vg]
}
