import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// SIGTERM and SIGINT as an event to wait for.
final class StopSignals {
    private let sources: [any DispatchSourceSignal]
    private let arrivals: AsyncStream<Void>

    init() {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        self.arrivals = arrivals
        self.sources = [SIGTERM, SIGINT].map { number in
            // The default action must be off before the source is activated, or the signal ends the process.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { @Sendable in arrival.yield() }
            source.activate()
            return source
        }
    }

    deinit {
        for source in sources { source.cancel() }
    }

    func wait() async {
        for await _ in arrivals { return }
    }
}
