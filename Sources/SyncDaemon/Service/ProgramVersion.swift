/// The version of the program, as `--version`, the User-Agent and the start-up line say it.
package enum ProgramVersion {
    package static let current = "0.1.0"
}
