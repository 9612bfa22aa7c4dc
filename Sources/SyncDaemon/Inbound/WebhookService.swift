import SyncCore
import SyncRemotes

/// Keeps the listener in step with the configuration and with its secret files: opens, updates and closes it.
///
/// A change is made in two steps, so that a failing reload changes nothing: ``prepare(_:)`` reads the secrets and binds a new address beside the
/// current one, and ``adopt(_:)`` puts both into effect and cannot fail.
package actor WebhookService {
    /// The settings of a configuration, ready to be put into effect.
    package struct Plan: Sendable {
        fileprivate var settings: ListenSettings?
        fileprivate var routes: [WebhookRoute]
        /// The secrets in the routes by remote, and their sources.
        fileprivate var secrets: [String: Credential] = [:]
        fileprivate var sources: [String: CredentialSource] = [:]
        /// A listener that is bound already; nil if the address does not change, or if nothing is to listen.
        fileprivate var fresh: WebhookListener?
    }

    private let receive: @Sendable ([Notice], String) async throws -> Int
    private let log: EventLog
    private let now: @Sendable () -> Instant
    private var listener: WebhookListener?
    private var secretWatcher: CredentialWatcher?
    /// As in the configuration: port 0 stays port 0.
    private var configuredAddress: ListenAddress?

    package init(
        receive: @escaping @Sendable ([Notice], String) async throws -> Int, log: EventLog, now: @escaping @Sendable () -> Instant
    ) {
        self.receive = receive
        self.log = log
        self.now = now
    }

    /// The current address.
    package var address: ListenAddress? { listener?.address }

    /// - Throws: a ``ConfigurationError`` for secrets that cannot be read and for an address that cannot be bound.
    package func prepare(_ configuration: Configuration) async throws(ConfigurationError) -> Plan {
        let secrets = try configuration.readCredentials(.secret)
        let routes = WebhookRoute.all(of: configuration, secrets)
        // If all remotes with a webhook are disabled, there is no need to listen.
        guard let settings = configuration.listen, !routes.isEmpty else { return Plan(settings: nil, routes: [], fresh: nil) }
        let sources = configuration.enabledRemotes.compactMap { remote in remote.webhook.map { (remote.name, $0.secret) } }
        var plan = Plan(
            settings: settings, routes: routes, secrets: secrets, sources: Dictionary(sources) { first, _ in first }, fresh: nil)
        guard settings.address != configuredAddress else { return plan }
        do {
            plan.fresh = try await WebhookListener.start(
                settings, routes: routes, beside: listener?.address, receive: receive, log: log, now: now)
            return plan
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
            return await watch(plan)
        }
        let former = listener
        if let former { fresh.takeOver(former) }
        listener = fresh
        await watch(plan)
        configuredAddress = settings.address
        log.write(
            LogEvent("listen.started", level: .notice).with("address", fresh.address.description)
                .with("remotes", plan.routes.map(\.remote).joined(separator: ",")))
        await former?.stop()
    }

    /// Checks whether files of secrets were replaced, in case that was not noticed: to be called once a minute.
    package func checkSecrets() async {
        await secretWatcher?.check()
    }

    private func watch(_ plan: Plan) async {
        let credentials = Credentials(plan.secrets)
        let watcher = CredentialWatcher(plan.sources, kind: .secret, credentials: credentials, log: log) { [weak self] names in
            Task { await self?.replaceSecrets(of: names, with: credentials) }
        }
        secretWatcher = watcher
        await watcher.check()
    }

    private func replaceSecrets(of remotes: [String], with credentials: Credentials) {
        for remote in remotes {
            if let secret = credentials[remote] { listener?.replaceSecret(of: remote, with: WebhookSecret(secret.token)) }
        }
    }

    /// Closes the listener of a plan that is not adopted.
    package func discard(_ plan: Plan) async {
        await plan.fresh?.stop()
    }

    package func stop() async {
        let former = listener
        (listener, configuredAddress, secretWatcher) = (nil, nil, nil)
        await former?.stop()
    }
}
