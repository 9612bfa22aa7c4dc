/// What everything on the feed would do if it were planned now, worked out page by page.
package struct FeedSurvey: Sendable, Equatable {
    /// Entries that planning will take off; what is pushed last is a second entry of its conversation.
    package var entries = 0
    package var reach = Brake.Reaches()
    /// All conversations there are.
    package var conversations = 0
    /// Where the next page begins: behind this entry. Nil: the survey is complete.
    package var cursor: Entry? = Entry()
    /// The conversation that the last page ended with, and what it reaches so far: its entries may stand on two pages.
    package var open: (conversation: StoredKey, reach: Brake.Reaches)?
    /// What holds for all pages; nil before the first one.
    package var ground: Ground?
    /// So many rows cannot have left the outbox by themselves.
    package let rememberedRows: Int

    package struct Entry: Sendable, Equatable {
        package var conversation = StoredKey("")
        package var remote = ""

        package init(conversation: StoredKey = StoredKey(""), remote: String = "") {
            self.conversation = conversation
            self.remote = remote
        }
    }

    package struct Ground: Sendable, Equatable {
        /// False on a new database: what has never been told cannot be told anew.
        package var decides: Bool
        /// What is told for the first time counts, because the outbox was emptied.
        package var countsFirst: Bool

        package init(decides: Bool, countsFirst: Bool) {
            self.decides = decides
            self.countsFirst = countsFirst
        }
    }

    package init(rememberedRows: Int) {
        self.rememberedRows = rememberedRows
    }

    package var isComplete: Bool { cursor == nil }

    package static func == (left: FeedSurvey, right: FeedSurvey) -> Bool {
        left.entries == right.entries && left.reach == right.reach && left.conversations == right.conversations
            && left.cursor == right.cursor && left.ground == right.ground && left.open?.conversation == right.open?.conversation
            && left.open?.reach == right.open?.reach
    }
}
