import SyncCore

/// What people at a remote changed of one object.
struct Choices {
    /// Fields that they changed, in all.
    private(set) var changes = 0
    /// How often they chose a status value, and how often they gave the conversation to somebody.
    private(set) var values: [String: Int] = [:]
    private(set) var users = 0
    private(set) var titles: [ExactText: Int] = [:]
    private(set) var addedTags: Set<ExactText> = []
    private(set) var removedTags: Set<ExactText> = []

    mutating func changedStatus(to value: String) {
        changes += 1
        values[value, default: 0] += 1
    }

    mutating func changedUser() {
        changes += 1
        users += 1
    }

    mutating func changedTitle(to title: String) {
        changes += 1
        titles[ExactText(title), default: 0] += 1
    }

    mutating func changedTags(from former: Set<ExactText>, to present: Set<ExactText>) {
        changes += 1
        addedTags.formUnion(present.subtracting(former))
        removedTags.formUnion(former.subtracting(present))
    }
}
