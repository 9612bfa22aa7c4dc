import SyncCore

extension PutAside {
    /// What became of a change with this problem and what to do about it, as a part of a sentence.
    static func advice(_ problem: String) -> String {
        "put aside, because it cannot be planned: \(problem); correct it and write the row again"
    }
}
