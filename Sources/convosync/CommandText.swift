/// The command line as given, for repeating it with another option.
enum CommandText {
    private static let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")

    /// `convosync outbox retry --state dead --yes`, quoted for a shell.
    static func repeated(with option: String, arguments: [String] = Array(CommandLine.arguments.dropFirst())) -> String {
        var arguments = arguments
        arguments.insert(option, at: arguments.firstIndex(of: "--") ?? arguments.endIndex)
        return (["convosync"] + arguments.map(quoted)).joined(separator: " ")
    }

    static func quoted(_ argument: String) -> String {
        !argument.isEmpty && argument.allSatisfy(plain.contains) ? argument : "'\(argument.replacing("'", with: "'\\''"))'"
    }
}
