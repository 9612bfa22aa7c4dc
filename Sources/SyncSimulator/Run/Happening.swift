import SandboxModel
import SyncCore
import SyncEngine
import SyncStore

extension Simulation {
    /// A call in flight: the process that made it, and the number that its engine gave it.
    struct CallKey: Hashable {
        let process: Int
        let id: Engine.CallID
    }

    /// What the future holds. Processes are named by their number: what is meant for one that has ended does not happen.
    enum Happening {
        case engine(Engine.Event, process: Int)
        case alarm(Int, process: Int)
        case exchange(SyncCore.Exchange, Parties, process: Int)
        case callArrives(CallKey)
        case callEnds(CallKey)
        case webhook(SandboxModel.WebhookCall, remote: String)
        case daemonStarts
        /// A process that was asked to end when all due rows have been attempted should have done so.
        case drainIsOverdue(process: Int)
        /// Somebody does something that is drawn when its time comes.
        case act(Int)
        case weatherChanges
        case weatherEnds(String)
        case clockIsSet
        /// The processes of the machine get no time, while the world goes on.
        case machineFreezes
        /// One process gets no time; the others of the machine do.
        case processIsSuspended
        case diskFills
        case diskHasRoom
        case databaseIsLocked
        case databaseIsFree
        case backupIsMade
        case backupIsRestored
        case resumed(String)
        case syncStarts
        /// The configuration is as planned again.
        case reloaded

        /// Distinguishes happenings at the same time, so that each draws for itself.
        var number: Int {
            switch self {
            case .engine(_, let process): 1 + process << 6
            case .alarm(_, let process): 2 + process << 6
            case .exchange(_, _, let process): 3 + process << 6
            case .callArrives(let key): 4 + (key.process << 10 + Int(key.id.number)) << 6
            case .callEnds(let key): 5 + (key.process << 10 + Int(key.id.number)) << 6
            case .webhook: 6
            case .daemonStarts: 7
            case .drainIsOverdue: 8
            case .act(let number): 9 + number << 6
            case .weatherChanges: 10
            case .weatherEnds: 11
            case .clockIsSet: 12
            case .machineFreezes: 13
            case .diskFills: 14
            case .diskHasRoom: 15
            case .databaseIsLocked: 16
            case .databaseIsFree: 17
            case .resumed: 18
            case .reloaded: 19
            case .backupIsMade: 20
            case .backupIsRestored: 21
            case .processIsSuspended: 22
            case .syncStarts: 23
            }
        }

        /// The process in which it happens; nil for a process that does not run yet, and for everything else.
        var process: Int? {
            switch self {
            case .engine(_, let process), .alarm(_, let process), .exchange(_, _, let process), .drainIsOverdue(let process): process
            case .callEnds(let key): key.process
            default: nil
            }
        }

        /// It happens in a process of the machine.
        var needsProcess: Bool {
            switch self {
            case .engine, .alarm, .exchange, .callEnds, .webhook, .daemonStarts, .syncStarts, .drainIsOverdue, .databaseIsFree: true
            default: false
            }
        }
    }
}
