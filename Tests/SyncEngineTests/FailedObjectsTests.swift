import SyncCore
import Testing

@testable import SyncEngine

/// How long objects that cannot be read are left alone.
@Suite struct FailedObjectsTests {
    private let object = ReadRequest(remoteID: "1")

    @Test func `an object is left alone for longer with each failure, up to five minutes, until it responds`() {
        var objects = FailedObjects()
        var rests: [Duration] = []
        for _ in 0..<10 { rests.append(objects.failed(object)) }
        let expected: [Int64] = [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
        #expect(rests.map(\.milliseconds) == expected.map { $0 * 1000 })
        objects.responded(object)
        #expect(!objects.contains(object))
        let rest = objects.failed(object)
        #expect(rest == .seconds(2))
    }

    @Test func `the failures of a thousand objects are counted, and a further one is left alone for the longest time`() {
        var objects = FailedObjects()
        for number in 0..<1000 {
            let rest = objects.failed(ReadRequest(remoteID: "\(number)"))
            #expect(rest == .seconds(2))
        }
        let further = ReadRequest(remoteID: "1000")
        let longest = objects.failed(further)
        #expect(longest == .minutes(5))
        #expect(!objects.contains(further))
        let second = objects.failed(object)
        #expect(second == .seconds(4))
    }
}
