/// The four kinds of remote system (docs/remotes.md).
package enum RemoteKind: String, Sendable, CaseIterable {
    case helpdesk
    case fin
    case voicebot
    case vg

    /// The path prefixes under which instances of a kind live. `intercom` is the host that the Fin Agent API is part of, so a
    /// configured url of `…/intercom` makes the documented `…/intercom/fin/reply`.
    private static let prefixes: [(String, RemoteKind)] = [
        ("helpdesk", .helpdesk), ("intercom", .fin), ("fin", .fin), ("voicebot", .voicebot), ("vg", .vg),
    ]

    /// The longest suffix of an instance name, to bound what a client can make the sandbox remember.
    private static let maximumSuffixLength = 40

    /// The kind and the canonical instance name that a first path segment stands for: `vg-eu` is a second vg beside `vg`,
    /// `intercom-eu` and `fin-eu` are the same fin.
    static func resolve(_ segment: some StringProtocol) -> (kind: RemoteKind, instance: String)? {
        for (prefix, kind) in prefixes where segment.hasPrefix(prefix) {
            let rest = segment.dropFirst(prefix.count)
            if rest.isEmpty { return (kind, kind.rawValue) }
            guard rest.first == "-", rest.count > 1, rest.count <= maximumSuffixLength, rest.utf8.allSatisfy(isNameByte) else { continue }
            return (kind, kind.rawValue + rest)
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: byte.isDigit
        }
    }

    /// The path segment of an instance, as a client's url has it.
    package static func pathSegment(of instance: String) -> String {
        guard let (kind, name) = resolve(instance), kind == .fin else { return instance }
        return "intercom" + name.dropFirst(kind.rawValue.count)
    }
}
