/// Future happenings, ordered by their time, and at the same time in the order in which they were entered.
struct HappeningQueue<Element> {
    private struct Entry {
        let at: Duration
        let number: Int
        let element: Element

        func comes(before other: Entry) -> Bool { (at, number) < (other.at, other.number) }
    }

    private var heap: [Entry] = []
    private var count = 0

    var nextAt: Duration? { heap.first?.at }

    mutating func enter(_ element: Element, at moment: Duration) {
        count += 1
        heap.append(Entry(at: moment, number: count, element: element))
        var index = heap.count - 1
        while index > 0, heap[index].comes(before: heap[(index - 1) / 2]) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func take() -> (at: Duration, element: Element)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return (first.at, first.element) }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child].comes(before: heap[least]) { least = child }
            guard least != index else { break }
            heap.swapAt(index, least)
            index = least
        }
        return (first.at, first.element)
    }
}
