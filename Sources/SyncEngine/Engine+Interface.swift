import SyncCore

extension Engine {
    /// The part of the configuration that the engine needs besides the remotes.
    package struct Settings: Sendable, Equatable {
        /// A turn begins at least this often.
        package var interval: Duration
        /// How long a change of the database waits for further changes.
        package var debounce: Duration
        /// How long work that is pushed last waits for calls of its conversation at other remotes.
        package var stall: Duration
        package var retry: RetryPolicy
        package var brake: Brake.Settings
        package var retention: Retention.Settings

        package init(
            interval: Duration, debounce: Duration, stall: Duration, retry: RetryPolicy, brake: Brake.Settings,
            retention: Retention.Settings
        ) {
            self.interval = interval
            self.debounce = debounce
            self.stall = stall
            self.retry = retry
            self.brake = brake
            self.retention = retention
        }
    }

    /// The state from before the start, read when the remotes were registered in the store.
    package struct StoredState: Sendable {
        /// The upper half of the fencing values.
        package var processID: Int64
        /// By name.
        package var remotes: [String: StoredRemote]

        package init(processID: Int64, remotes: [String: StoredRemote]) {
            self.processID = processID
            self.remotes = remotes
        }
    }

    package enum Event: Sendable {
        /// Another process has committed.
        case databaseChanged
        case alarmRang
        /// The file of the token was replaced by another one, which is now used.
        case credentialReplaced(String)
        case exchanged(Result<ExchangeResult, StoreError>)
        case callEnded(CallID, CallEnd)
        /// A webhook call arrived; its sender waits for ``Action/respond(_:_:)``.
        case remoteEvents(UInt64, String, [Notice])
        /// A turn is wanted at once.
        case turnRequested(RunCause)
        /// Requests that everything due is attempted, followed by ``Action/drained(_:)`` when no call is in flight any more.
        /// - until: rows that fall due again before that are attempted again; nil: everything is attempted once.
        case drainRequested(until: Duration?)
        /// No further calls are made; those in flight may end within the span.
        case stopRequested(within: Duration)
        /// Another configuration is in use; the store has been updated.
        case configured([Remote], Settings, StoredState)
    }

    package enum Action: Sendable {
        /// At most one is in progress.
        case exchange(Exchange)
        case call(CallID, String, CallPurpose)
        case cancel(CallID)
        /// Nil: the events could not be stored. Otherwise the number of new ones.
        case respond(UInt64, Int?)
        /// Replaces the alarm that was set before; nil: no alarm. As uptime.
        case setAlarm(Duration?)
        case report(EngineReport)
        case drained(DrainSummary)
        case stopped
    }

    package struct CallID: Hashable, Sendable {
        package let number: UInt64
    }

    /// What a call is for.
    package enum CallPurpose: Sendable {
        case deliver(ClaimedRow)
        case read(OutboundCall)
    }

    /// How a call ended, already interpreted by the remote's adapter. Times in it are by the wall clock.
    package enum CallEnd: Sendable {
        case delivered(DeliveryOutcome, hadPresentCredential: Bool)
        case read(DeliveryOutcome, body: JSONValue?)
    }

    package struct DrainSummary: Sendable, Equatable {
        package var runs: Int
        package var counts: RunCounts
        /// By the wall clock.
        package var nextDue: Instant?
        package var error: String?
    }
}

/// Something that is written to the log or counted.
package enum EngineReport: Sendable {
    case attempted(FinishedCall, Remote)
    /// Rows that a remote or planning refuses.
    case refused([PlanBatch.Refused])
    case fenced(Int64, remote: String)
    case takenBack(Int, remote: String)
    case gate(RemoteGate.Change, remote: String)
    case planned(PlanBatch)
    case reconciled([Reconciled])
    case inbox(InboxResult)
    case runBegan(Int64, RunCause)
    /// - id: nil for a turn that has done nothing.
    /// - startedAt, endedAt: by the wall clock.
    case runEnded(Int64?, RunCause, RunCounts, error: String?, startedAt: Instant, endedAt: Instant)
    case brakeEngaged(Brake.Engagement, runID: Int64)
    case planStalled(entries: Int)
    case strayRemotes([String])
    case shared([SharedObject])
    case recovered(Int)
    /// A poll cycle has ended; `failure` is nil if it read everything.
    case read(String, failure: String?)
    case unreadable(ReadRequest, remote: String, reason: String, hint: String?)
    /// A remote whose reads failed before the start.
    case readsFailedBefore(String, failures: Int)
    case pruned(rows: Int, sweepEnded: Bool)
    case storeUnavailable(String)
    case storeAvailable
    /// A part of an exchange failed for a reason of its own.
    case exchangeProblem(String)
}

/// The state for the watchdog and the status line.
package struct Health: Sendable, Equatable {
    /// One sentence for each part that is overdue.
    package var overdue: [String]
    package var inFlight: Int
    /// Nothing is being delivered, planned or stored.
    package var isQuiet: Bool
    /// Rows delivered since the engine was created.
    package var delivered: Int
}
