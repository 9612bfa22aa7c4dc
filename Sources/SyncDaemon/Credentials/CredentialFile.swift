import SyncSystem

/// A file with a token or a secret, and what the last check of it found.
///
/// | a check finds                              | finding                                                           |
/// |--------------------------------------------|-------------------------------------------------------------------|
/// | the file as it was                         | `unchanged`                                                       |
/// | the file for the first time                | `unchanged`: its credential was read shortly before; `replaced` when it holds another one |
/// | another file with another credential       | `replaced`                                                        |
/// | another file with the credential in force  | `writtenAgain`: somebody wants it to be tried                     |
/// | another file without a usable credential   | `incomplete`: it may be half written; check again                 |
/// | the same file, still without one           | `rejected`, once; the former credential stays in force            |
struct CredentialFile: Sendable {
    enum Finding: Equatable, Sendable {
        case unchanged
        case replaced(Credential)
        case writtenAgain
        case incomplete
        case rejected(CredentialError)
    }

    /// Nil when there is no such file.
    private var status: FileStatus?
    private var isKnown = false
    private var isIncomplete = false

    /// - Parameters:
    ///   - found: the file's status, taken before it is read: what is written after that is another change.
    ///   - inForce: the credential that is in use.
    ///   - read: reads the file; called only where that is needed.
    mutating func check(
        _ found: FileStatus?, inForce: Credential?, read: () throws(CredentialError) -> Credential
    ) -> Finding {
        let isSame = found == status
        guard !isSame || isIncomplete else { return .unchanged }
        status = found
        do {
            let fresh = try read()
            defer { (isKnown, isIncomplete) = (true, false) }
            if fresh != inForce { return .replaced(fresh) }
            return isKnown ? .writtenAgain : .unchanged
        } catch {
            let isRejected = isIncomplete && isSame
            isIncomplete = !isRejected
            return isRejected ? .rejected(error) : .incomplete
        }
    }
}
