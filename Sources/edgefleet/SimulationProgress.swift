import CommandLine
import Diagnostics
import FleetSimulation

/// How far a simulation is, on a line of its own where somebody sees it.
struct SimulationProgress {
    private let bar: ProgressBar<ContinuousClock>

    init(_ terminal: Terminal) {
        bar = ProgressBar("simulating", totalBytes: nil, on: terminal, clock: .continuous)
    }

    func update(_ report: SimulationReport) {
        guard report.checkInsSent > 0 else {
            return bar.update("enrolling  \(report.enrolled) of \(report.boxes)")
        }
        let milliseconds = SimulationReport.milliseconds(report.latency.value(at: 0.99)) ?? 0
        bar.update(
            "check-ins  \(report.checkInsAcknowledged) of \(report.checkInsDue), \(report.checkInsFailed) failed, "
                + "p99 \((milliseconds * 10).rounded() / 10) ms"
        )
    }

    func finish() { bar.finish() }
}
