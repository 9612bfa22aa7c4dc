/// What planning everything on the feed now would do, computed page by page.
package struct FeedSurvey: Sendable, Equatable {
    /// Entries that planning will remove; work that is pushed last is a second entry of its conversation.
    package var entries = 0
    package var reach = Brake.Reaches()
    /// The number of all conversations.
    package var conversations = 0
    /// The entry after which the next page begins. Nil: the survey is complete.
    package var cursor: Entry? = Entry()
    /// The conversation that the last page ended with, and its reach so far: its entries may span two pages.
    package var open: (conversation: StoredKey, reach: Brake.Reaches)?
    /// What holds for all pages; nil before the first one.
    package var ground: Ground?
    /// An empty outbox that has had more rows than this was emptied by something other than the service.
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
        /// False on a new database: nothing was sent before, so nothing can be replaced.
        package var decides: Bool
        /// Values sent for the first time count as well, because the outbox was emptied.
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
