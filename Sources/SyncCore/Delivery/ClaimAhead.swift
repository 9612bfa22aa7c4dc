/// Decides how many due rows a lane claims at once: few at first, more while there is plenty, one while a remote is only being probed.
///
/// | event                                | next                                                     |
/// |--------------------------------------|----------------------------------------------------------|
/// | something may be due                 | rows are wanted again                                    |
/// | a claim brought all it asked for     | rows are wanted; the next claim is twice as large        |
/// | a claim brought less                 | nothing is due any more, until something may be again    |
/// | the store was asked whether rows are due, while none may be claimed | rows are wanted later, or nothing is due |
///
/// Where the remote has a rate, no row is claimed for which it admits no call yet: a claimed row that cannot go out is put back, and a
/// lane that claims and puts back does nothing else.
///
/// Messages are not claimed ahead: a crash would leave them in doubt although they were never sent.
package struct ClaimAhead: Equatable, Sendable {
    /// A claim is never larger: what is claimed and not sent yet is put back by a crash only.
    package static let largest = 512

    /// False once a claim brought fewer rows than it asked for.
    package private(set) var mayHaveDue = false
    private var size: Int
    private let mayGrow: Bool
    /// How many rows the exchange in progress claims, or the last one has claimed.
    package private(set) var askedFor = 0

    package init(concurrency: Int, payload: PayloadKind) {
        mayGrow = payload == .state
        size = concurrency * (mayGrow ? 2 : 1)
    }

    package mutating func mayBeDue() {
        mayHaveDue = true
    }

    /// How many rows to ask for, 0 for none: only when the rows at hand are running out.
    /// - Parameters:
    ///   - concurrency: how many calls may be in flight at the moment.
    ///   - admitted: how many calls the rate admits soon; nil where there is no rate.
    package func wanted(buffered: Int, concurrency: Int, isHeld: Bool, isProbing: Bool, admitted: Int? = nil) -> Int {
        let size = isProbing ? 1 : mayGrow ? size : min(size, concurrency)
        guard !isHeld, buffered <= size / 2 else { return 0 }
        return min(size, admitted.map { max($0 - buffered, 0) } ?? size)
    }

    package mutating func asked(for count: Int) {
        askedFor = count
    }

    /// Whether the exchange in progress claims anything.
    package var hasAsked: Bool { askedFor > 0 }

    /// What the store says about due rows where none was claimed.
    package mutating func found(isSomethingDue: Bool) {
        mayHaveDue = isSomethingDue
    }

    /// What came of the claim that was asked for last; nothing is concluded where none was.
    package mutating func brought(_ count: Int) {
        guard askedFor > 0 else { return }
        mayHaveDue = count == askedFor
        if mayHaveDue, mayGrow, askedFor == size { size = min(size * 2, ClaimAhead.largest) }
    }
}
