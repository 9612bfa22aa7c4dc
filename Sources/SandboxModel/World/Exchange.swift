/// The decision about a request on arrival, which is then carried out on its connection.
package struct Exchange: Sendable {
    /// Identifies the request at its end; nil if no instance received it.
    package let ticket: Ticket?
    /// The steps on the connection.
    package let steps: [ConnectionStep]
    /// The webhook calls caused by the request, in the order of events. Their delays start at the arrival of the request.
    package let webhookCalls: [WebhookCall]

    package struct Ticket: Sendable, Equatable {
        package let sequence: Int
        let instance: String
        let conversation: ConversationKey?
    }
}
