/// What was decided about a request on its arrival, and is then carried out on its connection.
struct Exchange: Sendable {
    let sequence: Int
    let instance: String
    let conversation: ConversationKey?
    let fault: FaultRule?
    /// nil when no answer is to be sent.
    let answer: RemoteAnswer?
    /// Set when the events of the answer have somewhere to go.
    let webhook: WebhookTarget?
    let kind: RemoteKind
}
