/// What was decided about a request on its arrival, and is then carried out on its connection.
package struct Exchange: Sendable {
    /// Names the request when it is over; nil where no instance got it.
    package let ticket: Ticket?
    /// What happens on the connection.
    package let steps: [ConnectionStep]
    /// What the system sends because of the request, in the order of events. Their delays begin with the arrival of the request.
    package let webhookCalls: [WebhookCall]

    package struct Ticket: Sendable, Equatable {
        package let sequence: Int
        let instance: String
        let conversation: ConversationKey?
    }
}
