/// An error that a user can act on: what failed and why, what to do, and the exit code a script sees.
///
/// Domain enums conform to it; the executables print `error: <message>` and, where there is one, `hint: <hint>`.
package protocol ExplainedError: Error, CustomStringConvertible {
    /// What failed, naming the path, role or field, and why. Lower case, no full stop.
    var message: String { get }
    /// What to do about it, or nil where the message says it all.
    var hint: String? { get }
    /// The exit code that a program ends with when this error ends it.
    var exitCode: ExitCode { get }
}

extension ExplainedError {
    package var hint: String? { nil }
    package var description: String { message }
}
