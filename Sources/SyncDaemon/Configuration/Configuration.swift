import SyncCore
import SyncRemotes

/// The whole configuration, valid and with every default filled in.
package struct Configuration: Sendable, Equatable {
    package struct Schedule: Sendable, Equatable {
        /// Planning checks the database at least this often.
        package var interval = Duration.seconds(60)
        /// How long to wait for further changes after a change of the database.
        package var debounce = Duration.milliseconds(100)
        /// How long a remote that is pushed last waits for calls of the conversation to other remotes.
        package var stall = Duration.seconds(2)
        /// How long a stop waits for calls in flight.
        package var shutdownTimeout = Duration.seconds(20)
    }

    package struct Log: Sendable, Equatable {
        package var format = LogFormat.logfmt
        package var level = LogLevel.info
        /// Whether acknowledged calls are logged as well, or failures only.
        package var deliveries = DeliveryLogging.all
        /// How many identical failures of a remote are logged per minute; the others are counted.
        package var repeats = 5
    }

    package struct Assignees: Sendable, Equatable {
        /// Agent ids that mean "handled by the AI". The first one is written when a remote reports the AI as assignee.
        package var ai = Kinds.all.compactMap(\.aiAssignee)
        /// The id that is written when a remote reports an assigned person who is not in the table `assignees`.
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
    /// Where remotes may send webhook calls; nil: the daemon does not listen.
    package var listen: ListenSettings?
    package var brake = Brake.Settings()
    package var retention = Retention.Settings()
    package var metrics = Metrics()
    /// Sorted by name.
    package var remotes: [Remote] = []

    package var enabledRemotes: [Remote] { remotes.filter(\.isEnabled) }
}

/// All problems of a configuration.
package struct ConfigurationError: Error, CustomStringConvertible, Sendable, Equatable {
    package var problems: [Problem]

    package struct Problem: Error, Equatable, CustomStringConvertible {
        /// Dotted path of the key, empty for the file as a whole.
        package var path: String
        package var line: Int?
        package var message: String
        /// The other tables because of which it is one, as dotted paths.
        package var causes: [String] = []

        /// In Unicode scalars. Names of keys and remotes have any length.
        private static let longestDescription = 1000

        /// One bounded line.
        package var description: String {
            let place = line.map { "line \($0): " } ?? ""
            let text = path.isEmpty ? "\(place)\(message)" : "\(place)\(path): \(message)"
            return text.bounded(to: Problem.longestDescription)
        }
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
