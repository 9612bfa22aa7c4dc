import ArgumentParser

/// Mistreats the program and compares what came of it.
@main
struct TortureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convosync-torture",
        abstract: "Kills and mistreats convosync against simulated remotes, and compares what came of it.",
        subcommands: [KillCommand.self, SoakCommand.self, HardshipCommand.self], defaultSubcommand: KillCommand.self)
}
