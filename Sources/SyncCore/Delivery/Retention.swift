/// Decides when finished outbox rows are swept, and which of them may be deleted.
///
/// A sweep walks through the outbox by id, one page after the other, between runs, and deletes the rows that may go. Ids grow with time, so
/// no index is needed, and rows that must stay are examined once per sweep.
///
/// | state    | event                                    | next                                                             |
/// |----------|------------------------------------------|------------------------------------------------------------------|
/// | waiting  | an hour, or 10,000 new rows, have passed | sweeping from the beginning                                      |
/// | sweeping | a page was examined                      | sweeping after that page                                         |
/// | sweeping | the rest is too young, or there is none  | waiting                                                          |
package struct Retention: Equatable, Sendable {
    package struct Settings: Equatable, Sendable {
        package var isEnabled = true
        package var maximumAge = Duration.days(30)
        /// Finished rows beyond this number of newest rows are deleted whatever their age.
        package var maximumRows = 200_000
        /// Dead and uncertain rows need a person: they are kept unless this is set.
        package var attentionAge: Duration?

        package init() {}
    }

    /// Which rows of a page may be deleted.
    package struct Cut: Equatable, Sendable {
        package var now: Instant
        /// The page begins after this id.
        package var after: Int64
        /// Delivered, superseded and discarded rows that finished before this time are deleted …
        package var finishedBefore: Instant
        /// … and those up to this id.
        package var upTo: Int64
        /// Messages that changed later than this stay: their timestamps are still taken (see ``OutboxRow/messageWindow``).
        package var messagesBefore: Instant
        /// Dead and uncertain rows that finished before this time are deleted, or discarded if a remote would differ unseen; nil: they stay.
        package var attentionBefore: Instant?

        package init(
            now: Instant, after: Int64, finishedBefore: Instant, upTo: Int64, messagesBefore: Instant, attentionBefore: Instant?
        ) {
            self.now = now
            self.after = after
            self.finishedBefore = finishedBefore
            self.upTo = upTo
            self.messagesBefore = messagesBefore
            self.attentionBefore = attentionBefore
        }
    }

    /// The largest number of rows examined, and deleted, in one transaction.
    package static let pageSize = 500
    private static let pause = Duration.hours(1)
    private static let manyRows: Int64 = 10_000

    package let settings: Settings
    /// While sweeping: the last id that was examined.
    private var position: Int64?
    private var lastStart: (at: Instant, newestRow: Int64)?
    /// Rows that the sweep in progress, or the last one, has deleted.
    package private(set) var removed = 0

    package init(_ settings: Settings) {
        self.settings = settings
    }

    package static func == (left: Retention, right: Retention) -> Bool {
        left.settings == right.settings && left.position == right.position && left.removed == right.removed
            && left.lastStart?.at == right.lastStart?.at && left.lastStart?.newestRow == right.lastStart?.newestRow
    }

    /// The next page, or nil when no sweep is due.
    /// - Parameter newestRow: the highest id in the table.
    package mutating func next(now: Instant, newestRow: Int64) -> Cut? {
        guard settings.isEnabled else { return nil }
        if position == nil {
            guard isDue(now: now, newestRow: newestRow) else { return nil }
            position = 0
            removed = 0
            lastStart = (now, newestRow)
        }
        return Cut(
            now: now, after: position ?? 0, finishedBefore: now - settings.maximumAge, upTo: newestRow - Int64(settings.maximumRows),
            // Planning needs twice the window; the rest covers clocks that are set back.
            messagesBefore: now - OutboxRow.messageWindow * 2 - .hours(1), attentionBefore: settings.attentionAge.map { now - $0 })
    }

    private func isDue(now: Instant, newestRow: Int64) -> Bool {
        guard let lastStart else { return true }
        return now - lastStart.at >= Retention.pause || now < lastStart.at || newestRow - lastStart.newestRow >= Retention.manyRows
    }

    /// - Parameter last: the last id of the page; nil when no later row can be old enough.
    package mutating func swept(through last: Int64?, removed count: Int) {
        position = last
        removed += count
    }

    /// Whether a sweep is under way.
    package var isSweeping: Bool { position != nil }
}
