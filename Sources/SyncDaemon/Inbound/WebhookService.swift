import SyncCore

/// Keeps the listener in step with the configuration: opens, changes and closes it.
///
/// A change is made in two steps, so that a reload that fails leaves everything as it is: ``prepare(_:)`` reads the secrets and binds a
/// new address beside the old one, ``adopt(_:)`` puts both in force and cannot fail.
package actor WebhookService {
    /// What a configuration asks for, ready to be put in force.
    package struct Plan: Sendable {
        fileprivate var settings: ListenSettings?
        fileprivate var routes: [WebhookRoute]
        /// Bound already; nil where the address stays, or nothing is to listen.
        fileprivate var fresh: WebhookListener?
    }

    private let receive: @Sendable ([Notice], String) async throws -> Int
    private let onNews: @Sendable () -> Void
    private let log: EventLog
    private let now: @Sendable () -> Instant
    private var listener: WebhookListener?
    /// As the configuration spells it: port 0 stays port 0.
    private var configuredAddress: ListenAddress?

    package init(
        receive: @escaping @Sendable ([Notice], String) async throws -> Int, onNews: @escaping @Sendable () -> Void, log: EventLog,
        now: @escaping @Sendable () -> Instant
    ) {
        self.receive = receive
        self.onNews = onNews
        self.log = log
        self.now = now
    }

    /// Where calls are taken at present.
    package var address: ListenAddress? { listener?.address }

    /// - Throws: a ``ConfigurationError`` for secrets that cannot be read and for an address that cannot be bound.
    package func prepare(_ configuration: Configuration) async throws(ConfigurationError) -> Plan {
        let routes = try WebhookRoute.all(of: configuration)
        // All remotes that call are disabled: then nobody has to be listened to.
        guard let settings = configuration.listen, !routes.isEmpty else { return Plan(settings: nil, routes: [], fresh: nil) }
        guard settings.address != configuredAddress else { return Plan(settings: settings, routes: routes, fresh: nil) }
        do {
            let fresh = try await WebhookListener.start(
                settings, routes: routes, receive: receive, onNews: onNews, log: log, now: now)
            return Plan(settings: settings, routes: routes, fresh: fresh)
        } catch {
            let reason = error.problems.map(\.message).joined(separator: "; ")
            log.write(
                LogEvent("listen.failed", level: .error).with("address", settings.address.description).with("error", reason)
                    .with("hint", listener == nil ? nil : "the address in force stays"))
            throw error
        }
    }

    package func adopt(_ plan: Plan) async {
        guard let settings = plan.settings else { return await stop() }
        guard let fresh = plan.fresh else {
            listener?.update(settings, routes: plan.routes)
            return
        }
        let former = listener
        listener = fresh
        configuredAddress = settings.address
        log.write(
            LogEvent("listen.started", level: .notice).with("address", fresh.address.description)
                .with("remotes", plan.routes.map(\.remote).joined(separator: ",")))
        await former?.stop()
    }

    /// For a plan that is not adopted.
    package func discard(_ plan: Plan) async {
        await plan.fresh?.stop()
    }

    package func stop() async {
        let former = listener
        (listener, configuredAddress) = (nil, nil)
        await former?.stop()
    }
}
