import SandboxModel
import SyncCore

/// Something that goes wrong at rest, of which it is known how it has to end.
///
/// | drill              | what happens                                                            | what has to be afterwards           |
/// |--------------------|-------------------------------------------------------------------------|-------------------------------------|
/// | killed             | the process is killed while a call is applied, and the application changes back what it brought | what the application wrote last, at both sides |
/// | refused after lost | the response to a title is lost, and the next title is refused           | the application keeps the second    |
/// | refused tags       | tags are refused, and people at the remote add another one               | all tags, at both sides             |
/// | taken apart        | a call is refused because of its tags, and retention passes before that is known | there is a row for the tags |
/// | discarded refusal  | what was refused is discarded, and something else is sent                | it is known what the remote lacks   |
/// | shared object      | an object gets a second conversation while a row waits for it            | nothing is sent there               |
/// | clock behind       | a row waits for its retry; after a power cut, the clock is days behind   | it is sent all the same             |
/// | interrupted message | the process is killed while Fin gets a message, and the clock is set    | the message is there once, and delivered |
/// | unseen takeover    | a person takes a chat, which nothing tells, and the application gives it to the AI | the person has it         |
/// | gateway            | something in front of the remote responds 404 to everything              | the change is sent as soon as that ends |
/// | first contact      | an operator has everything sent again, and people change the state before anything was sent | what the application wrote |
enum Drill: CaseIterable {
    case killed, refusedAfterLost, refusedTags, discardedRefusal, sharedObject, clockBehind, interruptedMessage, unseenTakeover, gateway
    case firstContact, takenApart

    /// Whether it can be held at a remote of this world.
    func fits(_ remote: Remote, in plan: WorldPlan) -> Bool {
        let hasTitle = ["helpdesk", "vg"].contains(remote.name)
        // A copy that lags may show first what was there before.
        let adopted = plan.isTwoWay && plan.options.laggingReads == 0 ? remote.profile.adoption.fields : []
        return switch self {
        case .killed: remote.name == "helpdesk"
        case .refusedAfterLost: hasTitle && adopted.contains(.title) && plan.options.titleForm == TitleForm()
        case .refusedTags: remote.name == "helpdesk" && adopted.contains(.tags)
        case .discardedRefusal, .gateway: hasTitle
        case .takenApart: remote.name == "helpdesk" && plan.forgets
        case .sharedObject: remote.name == "vg"
        case .clockBehind: hasTitle && plan.stepsClock
        case .interruptedMessage: remote.kind.receivesMessages && plan.stepsClock
        case .unseenTakeover: remote.name == "vg" && !remote.profile.statusMap.neverOver.isEmpty && adopted.contains(.status)
        case .firstContact: remote.name == "vg" && !remote.profile.statusMap.neverOver.isEmpty && adopted.contains(.status)
        }
    }
}
