/// Everything that is specific to a kind of remote system. The list of all kinds is `Kinds.all` in SyncRemotes, which has a folder for
/// each.
///
/// Code that must behave differently for different kinds uses this value or the kind's ``Adapter``; kinds are never compared.
///
/// It is immutable, and profiles that hold one are copied often, so it is a reference type.
package final class Kind: Sendable {
    /// How conversations correspond to objects at such a remote.
    package enum TakesPart: Sendable {
        /// Every conversation is there, under its local id.
        case everyConversation
        /// Only conversations with a row in `links`.
        /// - hasIntegerIDs: whether `links.remote_id` has to be an integer.
        /// - namesAgent: whether an object belongs to an agent, which the row or the configuration names.
        case linked(hasIntegerIDs: Bool, namesAgent: Bool)
    }

    /// What calls to such a remote carry.
    package enum Carries: Sendable {
        /// The state of a conversation.
        /// - pushedLast: after all other remotes have responded.
        case state(pushedLast: Bool)
        /// Messages. The remote recognises a repetition within ``OutboxRow/messageWindow``.
        case messages
    }

    /// A call that the API offers.
    package struct Operation: Sendable {
        package enum Role: Sendable {
            /// The call that sends rows of the outbox.
            case write
            /// Reads the list of conversations.
            case list
            /// Reads one conversation.
            case object
        }

        /// For people, and the key under `[remotes.NAME.paths]`.
        package let name: String
        package let method: String
        /// Below the remote's URL, with `{placeholders}`; the configuration may replace it.
        package let path: String
        package let role: Role

        package init(_ role: Role, _ name: String, _ method: String, _ path: String) {
            self.role = role
            self.name = name
            self.method = method
            self.path = path
        }
    }

    /// The call that `check --online` makes to test the token. It changes nothing.
    package enum Trial: Sendable {
        /// There is none, for this reason.
        case none(because: String)
        /// The first page of the list; if there is no call for that, the reason.
        case list(otherwise: String)
        /// The conversations that were delivered last; if there are none, the reason.
        case delivered(otherwise: String)
    }

    /// As written in `kind` in the configuration and in `remotes.kind` in the database.
    package let name: String
    /// The product's name, for use within a sentence.
    package let product: String
    package let takesPart: TakesPart
    package let carries: Carries
    package let operations: [Operation]
    package let vocabulary: Vocabulary
    /// The assignee that applications use for a conversation handled by the AI behind this remote, unless `[assignees]` names another one;
    /// nil: there is no AI.
    package let aiAssignee: String?
    /// The values that `adopt` allows, in the order in which messages list them.
    package let adoptable: [AdoptionPolicy.Field]
    /// The keys that only remotes of this kind have.
    package let keys: [ConfigurationKey]
    /// The API's URL, as `convosync init` writes it.
    package let starterURL: StarterLine
    /// How the remote sends webhook calls; nil: it sends none.
    package let webhook: WebhookScheme?
    package let trial: Trial
    private let makeAdapter: @Sendable (Profile) -> any Adapter

    package init(
        name: String, product: String, takesPart: TakesPart, carries: Carries, operations: [Operation], vocabulary: Vocabulary,
        aiAssignee: String? = nil, adoptable: [AdoptionPolicy.Field], keys: [ConfigurationKey] = [], starterURL: StarterLine,
        webhook: WebhookScheme? = nil, trial: Trial, adapter: @escaping @Sendable (Profile) -> any Adapter
    ) {
        precondition(operations.count { $0.role == .write } == 1, "a kind has one operation that rows of the outbox are sent with")
        let hasLinks = if case .linked = takesPart { true } else { false }
        let isPlannedWithLinks = if case .state(pushedLast: false) = carries { true } else { false }
        precondition(
            hasLinks == isPlannedWithLinks,
            "a remote that has every conversation is pushed to last or takes messages; one with links does neither")
        self.name = name
        self.product = product
        self.takesPart = takesPart
        self.carries = carries
        self.operations = operations
        self.vocabulary = vocabulary
        self.aiAssignee = aiAssignee
        self.adoptable = adoptable
        self.keys = keys
        self.starterURL = starterURL
        self.webhook = webhook
        self.trial = trial
        makeAdapter = adapter
    }

    package func adapter(_ profile: Profile) -> any Adapter { makeAdapter(profile) }
}

extension Kind {
    /// Whether a conversation takes part only if it has a row in `links`. Otherwise the remote knows it by its local id.
    package var needsLink: Bool { if case .linked = takesPart { true } else { false } }

    /// Whether the remote is pushed to after all others have responded.
    package var isPushedAtEndOfRun: Bool { if case .state(pushedLast: true) = carries { true } else { false } }

    /// Whether it receives messages instead of conversation state.
    package var receivesMessages: Bool { if case .messages = carries { true } else { false } }

    /// Whether conversations can be read from the remote.
    package var isReadable: Bool { operation(.object) != nil }

    /// Whether the remote lists its conversations.
    package var hasList: Bool { operation(.list) != nil }

    package func operation(_ role: Operation.Role) -> Operation? { operations.first { $0.role == role } }

    /// The operation that sends rows of the outbox.
    package var writing: Operation {
        guard let operation = operation(.write) else {
            preconditionFailure("a kind has one operation that rows of the outbox are sent with")
        }
        return operation
    }
}

/// The name identifies a kind. For values that contain a kind; code does not compare kinds.
extension Kind: Equatable {
    package static func == (left: Kind, right: Kind) -> Bool { left.name == right.name }
}

extension [Kind] {
    /// The kind with that name.
    package func named(_ name: String) -> Kind? { first { $0.name == name } }

    package var names: [String] { map(\.name) }

    /// Their names, for use within a sentence.
    package var listed: String { names.listed(with: "or") }
}

extension [String] {
    /// `a, b or c`
    /// - Parameter word: placed before the last one.
    package func listed(with word: String) -> String {
        guard let last, count > 1 else { return joined() }
        return "\(dropLast().joined(separator: ", ")) \(word) \(last)"
    }
}
