import SyncCore
import SyncRemotes

/// The whole configuration, valid and with every default filled in.
package struct Configuration: Sendable, Equatable {
    package struct Schedule: Sendable, Equatable {
        /// Planning looks at the database at least this often.
        package var interval = Duration.seconds(60)
        /// How long a change of the database waits for further ones.
        package var debounce = Duration.milliseconds(100)
        /// How long what is pushed last waits for calls of its conversation at other remotes.
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
        package var ai = Kinds.all.compactMap(\.aiAssignee)
        /// What is written when a remote says that a person answers and the table `assignees` does not know who.
        package var unknown = Profile.standardUnknownAssignee
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
    package var remotes: [Remote] = []

    package var enabledRemotes: [Remote] { remotes.filter(\.isEnabled) }
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
