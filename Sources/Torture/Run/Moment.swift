import Fixtures
import Glibc

/// When a process is killed.
enum Moment {
    /// Soon after its start, also before it has begun to work.
    case uptime(Duration)
    /// That long after it is ready.
    case ready(Duration)
    /// When this many calls have arrived at the remotes.
    case arrival(Int)
    /// That long after this many calls have got their response.
    case response(Int, Duration)
    /// That long after a commit of the application.
    case commit(Duration)
    /// That long after people have changed conversations on which everybody agreed.
    case act(Duration)
    /// That long after a signal that stops or reloads it.
    case signal(Int32, Duration)

    static let migrationName = "migration"
    static let commandName = "command"

    static func draw(using random: inout SeededGenerator) -> Moment {
        func duration(upTo microseconds: Int) -> Duration { .microseconds(Int.random(in: 0...microseconds, using: &random)) }
        switch Int.random(in: 0..<100, using: &random) {
        // Short ones as often as long ones, by orders of magnitude.
        case 0..<25: return .uptime(.microseconds(1 << Int.random(in: 9...20, using: &random)) + duration(upTo: 500))
        case 25..<30: return .ready(duration(upTo: 30_000))
        case 30..<50: return .arrival(Int.random(in: 1...60, using: &random))
        case 50..<75: return .response(Int.random(in: 1...60, using: &random), duration(upTo: 25_000))
        case 75..<83: return .commit(duration(upTo: 200_000))
        case 83..<90: return .act(duration(upTo: 2_000_000))
        case 90..<95: return .signal(SIGTERM, duration(upTo: 100_000))
        default: return .signal(SIGHUP, duration(upTo: 50_000))
        }
    }

    /// Whether the application does nothing meanwhile.
    var isQuiet: Bool { if case .act = self { true } else { false } }

    var name: String {
        switch self {
        case .uptime: "uptime"
        case .ready: "ready"
        case .arrival: "arrival"
        case .response: "response"
        case .commit: "commit"
        case .act: "act"
        case .signal(let signal, _): signal == SIGTERM ? "stop" : "reload"
        }
    }
}
