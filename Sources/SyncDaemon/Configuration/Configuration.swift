import SyncCore
import SyncHTTP
import SyncRemotes
import SyncStore

/// The whole configuration, valid and with every default filled in.
package struct Configuration: Sendable, Equatable {
    package struct Schedule: Sendable, Equatable {
        /// A run starts at least this often.
        package var interval = Duration.seconds(60)
        /// How long a change of the database waits for further ones.
        package var debounce = Duration.milliseconds(100)
        /// How long a run waits for a remote that acknowledges nothing before it goes on without it.
        package var stall = Duration.seconds(2)
        /// How long a stop waits for calls in flight.
        package var shutdownTimeout = Duration.seconds(20)
    }

    package struct Log: Sendable, Equatable {
        package var format = LogFormat.logfmt
        package var level = LogLevel.info
        /// Whether acknowledged calls are logged, too, or failures only.
        package var deliveries = DeliveryLogging.all
        /// Identical failures of a remote that are written in a minute; the rest is counted.
        package var repeats = 5
    }

    package struct Assignees: Sendable, Equatable {
        /// Agent ids that mean "the AI answers". The first one is written when a remote says so.
        package var ai = ["agent_fin"]
        /// What is written when a remote says that a person answers and the table `assignees` does not know who.
        package var unknown = RemoteProfile.standardUnknownAssignee
    }

    package enum DeliveryLogging: String, CaseIterable, Sendable {
        case all, failures
    }

    package struct Metrics: Sendable, Equatable {
        /// The file for node_exporter's textfile collector; nil for none.
        package var textfile: String?
    }

    package var databasePath: String
    package var schedule = Schedule()
    package var log = Log()
    package var retry = RetryPolicy()
    package var assignees = Assignees()
    /// Where remotes may call; nil: nothing listens.
    package var listen: ListenSettings?
    package var brake = Brake.Settings()
    package var retention = Retention.Settings()
    package var metrics = Metrics()
    /// Sorted by name.
    package var remotes: [RemoteConfiguration] = []

    package var enabledRemotes: [RemoteConfiguration] { remotes.filter(\.isEnabled) }
}

/// Where a token comes from; never from the configuration file itself.
package enum CredentialSource: Sendable, Equatable {
    /// A file that holds the token and nothing else.
    case file(path: String)
    /// A systemd credential, `$CREDENTIALS_DIRECTORY/NAME`.
    case systemd(name: String)
    case environment(variable: String)
}

package struct RemoteConfiguration: Sendable, Equatable {
    package var profile: RemoteProfile
    /// Without a trailing slash.
    package var url: String
    package var credential: CredentialSource
    package var isEnabled: Bool
    package var gate: RemoteGate.Settings
    package var limits: HTTPLimits
    package var classifier: OutcomeClassifier
    /// fin: how long a reply waits while Fin is at work on another one.
    package var replyHold = Duration.seconds(10)
    /// When the remote is read by itself; nil: never.
    package var poll: PollSettings?
    /// How the remote calls here; nil: it does not.
    package var webhook: WebhookSettings?

    package var name: String { profile.name }
    package var kind: RemoteKind { profile.kind }

    /// As the store's queries see it.
    package var participation: RemoteParticipation {
        RemoteParticipation(
            name: name, kind: kind.rawValue, needsLink: kind.needsLink, isPushedAtEndOfRun: kind.isPushedAtEndOfRun,
            receivesMessages: kind.receivesMessages, isEnabled: isEnabled, defaultAgent: kind == .vg ? profile.agentID : nil,
            fingerprint: profile.fingerprint, userField: kind.adapter(profile).assigneeField,
            ownAssignees: [profile.unknownAssignee, profile.aiAssignee].compactMap { $0 }, isRead: poll != nil || webhook != nil)
    }

    /// How long a claim holds: longer than a call can take, twice, plus the time for a commit on a busy disk.
    package var leaseDuration: Duration { limits.totalTimeout * 2 + .seconds(30) }
}

/// Everything that is wrong with a configuration, at once.
package struct ConfigurationError: Error, CustomStringConvertible, Sendable, Equatable {
    package var problems: [Problem]

    package struct Problem: Error, Equatable, CustomStringConvertible {
        /// Dotted path of the key, empty for the file as a whole.
        package var path: String
        package var line: Int?
        package var message: String

        package var description: String {
            let place = line.map { "line \($0): " } ?? ""
            return path.isEmpty ? "\(place)\(message)" : "\(place)\(path): \(message)"
        }
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
