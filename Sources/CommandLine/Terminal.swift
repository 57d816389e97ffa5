package import Diagnostics
import Synchronization

/// What a command talks through: data on standard output, talk on standard error.
///
/// Safe to use from any thread; what one call writes stays together.
package final class Terminal: Sendable {
    /// When to colour.
    package enum ColorChoice: String, CaseIterable, Sendable {
        case auto, always, never
    }

    /// The two streams, for questions that differ between them.
    package enum Stream: Sendable {
        case output, notices
    }

    private struct State {
        var buffer: [UInt8] = []
        /// Whether a progress line stands on the terminal, to be wiped before anything else is written there.
        var progressIsDrawn = false
    }

    /// Output is handed on in pieces of this size: few system calls, little memory.
    private static let bufferSize = 64 * 1024
    private static let wipeLine = "\r\u{1b}[K"

    package let console: Console
    /// Whether notices and progress are wanted by nobody.
    package let isQuiet: Bool
    private let color: ColorChoice
    private let state = Mutex(State())

    package init(_ console: Console, quiet: Bool = false, color: ColorChoice = .auto) {
        self.console = console
        self.isQuiet = quiet
        self.color = color
    }

    // MARK: Data

    /// Writes bytes to standard output as they are.
    package func write(_ bytes: RawSpan) throws(OutputError) {
        try state.withLock { state throws(OutputError) in
            if console.outputIsTerminal { try wipeProgress(&state) }
            bytes.withUnsafeBytes { state.buffer.append(contentsOf: $0) }
            // A person waits for each line; a pipe or file takes larger pieces.
            if console.outputIsTerminal || state.buffer.count >= Self.bufferSize { try flush(&state) }
        }
    }

    /// Writes text to standard output as it is.
    package func write(_ text: String) throws(OutputError) {
        try write(text.utf8Span.span.bytes)
    }

    /// Writes a line to standard output.
    package func writeLine(_ text: String = "") throws(OutputError) {
        try write(text + "\n")
    }

    /// Hands on what was written so far; long-running commands do so after each complete answer.
    package func flush() throws(OutputError) {
        try state.withLock { state throws(OutputError) in try flush(&state) }
    }

    /// Flushes and asks the system for late errors; the last thing a program does with its output.
    package func finish() throws(OutputError) {
        try flush()
        try console.output.finish()
    }

    private func flush(_ state: inout State) throws(OutputError) {
        guard !state.buffer.isEmpty else { return }
        // What can't be written once is not tried again: the error is reported, the bytes are gone.
        defer { state.buffer.removeAll(keepingCapacity: true) }
        try console.output.write(state.buffer.span.bytes)
    }

    // MARK: Talk

    /// Says something that the user may like to know and a script does not need; silent with `--quiet`.
    package func notice(_ text: String) {
        if !isQuiet { say(text) }
    }

    /// Says something that the user should know even with `--quiet`.
    package func warning(_ text: String) {
        sayStyled(styled("warning:", .warning, for: .notices) + " " + text.printable(keepingLines: true))
    }

    /// Writes lines to standard error, control characters made visible. Errors are swallowed: there is nobody to tell.
    package func say(_ text: String) { sayStyled(text.printable(keepingLines: true)) }

    /// Writes lines that carry styles of our own; what comes from elsewhere is printable already.
    func sayStyled(_ text: String) {
        state.withLock { state in
            if console.outputIsTerminal { try? flush(&state) }
            try? wipeProgress(&state)
            try? console.notices.write((text + "\n").utf8Span.span.bytes)
        }
    }

    /// Tells of an error, with its hints, and returns its exit code: the only place where that happens.
    package func explain(_ error: any Error) -> ExitCode {
        let explained = error as? any ExplainedError
        let message = explained?.message ?? String(describing: error)
        var lines = [(styled("error:", .error, for: .notices), message)]
        for hint in (explained?.hint ?? "").split(separator: "\n") {
            lines.append((styled("hint:", .hint, for: .notices), String(hint)))
        }
        sayStyled(lines.map { "\($0) \($1.printable(keepingLines: true))" }.joined(separator: "\n"))
        return explained?.exitCode ?? .failed
    }

    /// Asks whoever sits at the terminal for a line that is not shown while it is typed. Nil where nobody would see the
    /// question, or no answer comes.
    package func askSecret(_ question: String) -> [UInt8]? {
        guard console.noticesIsTerminal else { return nil }
        eraseProgress()
        return console.askSecret(question.printable())
    }

    // MARK: Progress

    /// Whether anybody would see progress: a terminal, no `--quiet`, no CI job.
    package var showsProgress: Bool {
        guard console.noticesIsTerminal, !isQuiet, console.environment("TERM") != "dumb" else { return false }
        return console.environment("CI")?.isEmpty ?? true
    }

    /// Replaces the progress line.
    func drawProgress(_ line: String) {
        state.withLock { state in
            state.progressIsDrawn = true
            try? console.notices.write((Self.wipeLine + line).utf8Span.span.bytes)
        }
    }

    /// Takes the progress line away.
    func eraseProgress() {
        state.withLock { state in try? wipeProgress(&state) }
    }

    private func wipeProgress(_ state: inout State) throws(OutputError) {
        guard state.progressIsDrawn else { return }
        state.progressIsDrawn = false
        try console.notices.write(Self.wipeLine.utf8Span.span.bytes)
    }

    // MARK: Style

    /// Whether text for a stream is coloured: `--color`, else a terminal unless NO_COLOR (no-color.org) says no.
    package func usesColor(for stream: Stream) -> Bool {
        switch color {
        case .always: return true
        case .never: return false
        case .auto:
            let isTerminal = stream == .output ? console.outputIsTerminal : console.noticesIsTerminal
            let refused = !(console.environment("NO_COLOR")?.isEmpty ?? true)
            return isTerminal && !refused && console.environment("TERM") != "dumb"
        }
    }

    /// The text in a style, where the stream is coloured.
    package func styled(_ text: String, _ style: TextStyle, for stream: Stream = .output) -> String {
        usesColor(for: stream) ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
    }

    /// Columns that running text is wrapped to; very long lines are hard to read even where they fit.
    package var textWidth: Int { min(max(console.width, 40), 100) }
}

/// What a piece of text is, as the numbers of ECMA-48 SGR; the meaning never hangs on the colour alone.
package enum TextStyle: String, Sendable {
    case heading = "1"
    case faint = "2"
    case error = "1;31"
    case good = "32"
    case warning = "33"
    case hint = "36"
}
