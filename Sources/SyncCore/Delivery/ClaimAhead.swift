/// Decides how many due rows a lane claims at once: few at first, more while many are due, one while the remote is being probed.
///
/// | event                                | next                                                     |
/// |--------------------------------------|----------------------------------------------------------|
/// | something may be due                 | rows are wanted again                                    |
/// | a claim returned as many as requested | rows are wanted; the next claim is twice as large       |
/// | a claim returned fewer               | nothing is due any more, until something may be again    |
/// | a claim was cut short because its rows are large | rows are wanted; the next claim is as large as this one was |
/// | the store reported whether rows are due, without a claim | rows are wanted later, or nothing is due |
///
/// If the remote has a rate limit, a row is claimed only when a call for it will be admitted soon: a claimed row that cannot go out is put
/// back, and the lane would spend its time claiming and putting back.
///
/// Messages are not claimed ahead: a crash would leave them in doubt although they were never sent.
package struct ClaimAhead: Equatable, Sendable {
    /// The largest claim. Rows that are claimed but not sent when the process crashes have to wait until they are recovered.
    package static let largest = 512

    /// False once a claim returned fewer rows than requested.
    package private(set) var mayHaveDue = false
    private var size: Int
    private let mayGrow: Bool
    /// How many rows the exchange in progress claims, or the last one claimed.
    package private(set) var askedFor = 0

    package init(concurrency: Int, payload: PayloadKind) {
        mayGrow = payload == .state
        size = concurrency * (mayGrow ? 2 : 1)
    }

    package mutating func mayBeDue() {
        mayHaveDue = true
    }

    /// How many rows to claim, 0 for none: only when the buffered rows are running out.
    /// - Parameters:
    ///   - concurrency: how many calls may be in flight now.
    ///   - admitted: how many calls the rate limit will admit soon; nil without a rate limit.
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

    /// The store's report about due rows, from an exchange that claimed none.
    package mutating func found(isSomethingDue: Bool) {
        mayHaveDue = isSomethingDue
    }

    /// The result of the last claim; ignored if there was none.
    /// - Parameter isCutShort: whether it returned fewer rows than requested because they are large. Then few are claimed at once, so that those in
    ///   memory stay few as well.
    package mutating func brought(_ count: Int, isCutShort: Bool = false) {
        guard askedFor > 0 else { return }
        mayHaveDue = count == askedFor || isCutShort
        if isCutShort {
            if mayGrow { size = max(count, 1) }
        } else if mayHaveDue, mayGrow, askedFor == size {
            size = min(size * 2, ClaimAhead.largest)
        }
    }
}
