/// The program's version in `--version`, the User-Agent and the log event of the start.
package enum ProgramVersion {
    package static let current = "0.1.0"
}
