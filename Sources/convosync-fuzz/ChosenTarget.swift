import FoundationEssentials
import FuzzProperties

enum ChosenTarget {
    static let value: FuzzTarget = {
        let name = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""
        guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
            fatalError("FUZZ_TARGET has to be one of \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
        }
        return target
    }()

    /// Ends the program when a promise is broken: then libFuzzer keeps the input.
    static let run: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt = { start, size in
        do throws(BrokenPromise) {
            _ = try value.check(Array(UnsafeBufferPointer(start: start, count: size)))
        } catch {
            fatalError("broken promise: \(error)")
        }
        return 0
    }
}
