/// What a lane concludes about the objects that its remote said it does not know (``AbsenceWatch``).
package enum AbsenceRecord: Sendable, Equatable {
    /// They are missing: nothing more is doubted.
    case confirm
    /// The URL may be wrong: everything that was given up because of it is due again.
    case takeBack
}
