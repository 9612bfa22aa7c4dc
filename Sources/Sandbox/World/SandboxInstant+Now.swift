import FoundationEssentials

extension SandboxInstant {
    static func now() -> SandboxInstant {
        SandboxInstant(milliseconds: Int((Date().timeIntervalSince1970 * 1000).rounded(.down)))
    }
}
