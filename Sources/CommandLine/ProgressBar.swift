import Diagnostics

/// How far a long piece of work is, drawn on standard error where somebody sees it, at most ten times a second.
///
/// Not for use from several threads at once.
package final class ProgressBar<C: Clock> where C.Duration == Duration {
    private static var interval: Duration { .milliseconds(100) }
    private static var barWidth: Int { 24 }

    private let terminal: Terminal
    private let clock: C
    private let label: String
    private let total: Int?
    private var lastDrawn: C.Instant?

    /// Bytes in all, or nil where nobody knows.
    package init(_ label: String, totalBytes: Int?, on terminal: Terminal, clock: C) {
        self.terminal = terminal
        self.clock = clock
        self.label = label
        self.total = totalBytes
    }

    /// Tells how many bytes are done; cheap enough to be called for every block.
    package func update(bytes: Int) { update(line(bytes: bytes)) }

    /// Shows a line of the caller's own, where the work is counted in something else than bytes.
    package func update(_ line: @autoclosure () -> String) {
        guard terminal.showsProgress else { return }
        let now = clock.now
        if let lastDrawn, lastDrawn.duration(to: now) < Self.interval { return }
        lastDrawn = now
        terminal.drawProgress(String(line().printable().prefix(max(terminal.console.width - 1, 1))))
    }

    /// Takes the bar away, as the result that follows says more.
    package func finish() {
        if lastDrawn != nil { terminal.eraseProgress() }
    }

    private func line(bytes: Int) -> String {
        guard let total, total > 0 else { return "\(label)  \(Quantity.readable(bytes: bytes))" }
        let done = min(max(Double(bytes) / Double(total), 0), 1)
        let filled = Int(done * Double(Self.barWidth))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.barWidth - filled)
        let sizes = "\(Quantity.readable(bytes: bytes)) of \(Quantity.readable(bytes: total))"
        return "\(label)  [\(bar)] \(Int(done * 100))%  \(sizes)"
    }
}
