/// A lane's conclusion about objects that its remote reported as unknown (``AbsenceWatch``).
package enum AbsenceRecord: Sendable, Equatable {
    /// The objects are missing; the URL is right.
    case confirm
    /// The URL may be wrong: every row that was given up because of it becomes due again.
    case takeBack
}
