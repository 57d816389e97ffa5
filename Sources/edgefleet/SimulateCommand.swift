import CommandLine
import Diagnostics
import FileSystem
import FleetProtocol
import FleetSimulation
import Glibc
import JSON
import UnixSockets

/// `edgefleet simulate`.
enum SimulateCommand {
    private static let token = Option.optional(
        "token",
        .text.named("TOKEN"),
        environment: "EDGEFLEET_TOKEN",
        summary: "what the boxes enrol with, or - to read it from standard input; not needed for boxes that were kept"
    )
    private static let count = Option.required(
        "count",
        .integer(in: 1...SimulationPlan.boxLimit),
        summary: "how many boxes"
    )
    private static let interval = Option(
        "interval",
        .duration(in: .milliseconds(100) ... .seconds(86_400)),
        default: .seconds(10),
        summary: "between two check-ins of a box"
    )
    private static let duration = Option(
        "duration",
        .duration(in: .seconds(1) ... .seconds(30 * 86_400)),
        default: .seconds(60),
        summary: "how long check-ins go on; each box has one at least"
    )
    private static let prefix = Option("prefix", .text, default: "sim", summary: "what the devices' ids begin with")
    private static let keep = Option.optional(
        "keep",
        .directory,
        summary: "folder to keep the boxes' identities in, for another run"
    )
    private static let seed = Option(
        "seed",
        .integer(in: 0...Int.max),
        default: 1,
        summary: "decides what the boxes say"
    )
    private static let threads = Option(
        "threads",
        .integer(in: 1...SimulationPlan.threadLimit),
        default: 16,
        summary: "exchanges at once, at most"
    )
    private static let reuse = Option.flag(
        "reuse",
        summary: "let each box keep its connection; real boxes open one for each check-in"
    )

    static let command = Command(
        "simulate",
        summary: "let boxes that are none enrol and check in, to see a fleet or to measure one",
        discussion: [
            "Each box enrols for real, with a key of its own and the token, which needs as many uses; then it checks in at "
                + "each interval with its client certificate, spread evenly. What it says is made up: endpoints, bundles, "
                + "updates of which some are refused, rolled back or waiting, counters and metrics. All say that they "
                + "follow channel dev, so that no real box of another channel seems to be behind them.",
            "A check-in is due whether or not those before were answered. Latency counts from the opening of the "
                + "connection to the end of the answer; delay says how long after it was due a check-in began. The exit "
                + "code is 1 where anything was not acknowledged. An interrupt ends it after what is under way.",
        ],
        examples: [
            Example(
                "Twenty boxes for five minutes",
                "edgefleet simulate --count 20 --duration 5m --token $TOKEN"
            ),
            Example(
                "The same boxes again, another day",
                "edgefleet simulate --count 20 --keep boxes"
            ),
        ],
        options: [
            token, count, interval, duration, prefix, keep, seed, threads, reuse, FleetParameters.json,
        ],
        exitCodes: [.dataError, .noInput, .unavailable, .ioError, .tryAgain, .noPermission],
        run: run
    )

    @Sendable private static func run(_ arguments: ParsedArguments, _ terminal: Terminal) throws -> ExitCode {
        // Before any thread starts, so that all of them leave the signals to this one.
        let signals = try SignalDescriptor([SIGINT, SIGTERM])
        let plan = SimulationPlan(
            count: arguments[count],
            interval: arguments[interval],
            duration: arguments[duration],
            prefix: arguments[prefix],
            seed: UInt64(arguments[seed]),
            threads: arguments[threads]
        )
        let transport = try FleetTransport(
            token: try serverToken(arguments),
            keptIn: try arguments[keep].map { FileSystem.join(try FileSystem.resolve("."), $0) },
            reusesConnections: arguments[reuse]
        )
        let simulation = try Simulation(plan, transport: transport)
        let progress = SimulationProgress(terminal)
        var isInterrupted = false
        try simulation.run { report in
            var entries = [Poll.Entry(signals.descriptor)]
            try Poll.wait(&entries, milliseconds: 200)
            if try signals.next() != nil {
                // The second doesn't wait for what is under way.
                if isInterrupted { _exit(130) }
                isInterrupted = true
                terminal.notice("ending after what is under way")
                simulation.stop()
            }
            progress.update(report)
        }
        progress.finish()
        let report = simulation.report
        if arguments[FleetParameters.json] {
            try Printing.json(report.json, terminal)
        } else {
            try show(report, terminal)
        }
        return report.isWhole ? .done : .failed
    }

    private static func serverToken(_ arguments: ParsedArguments) throws -> EnrolmentToken? {
        guard let text = arguments[token] else { return nil }
        guard text == "-" else { return try EnrolmentToken(text) }
        let bytes = try FileSystem.readStandardInput(limit: 4 << 10)
        let line = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first
        return try EnrolmentToken(line.map { String($0) } ?? "")
    }

    private static func show(_ report: SimulationReport, _ terminal: Terminal) throws {
        func spread(_ counts: LatencyCounts) -> String {
            func text(_ duration: Duration?) -> String {
                SimulationReport.milliseconds(duration).map { "\(($0 * 10).rounded() / 10) ms" } ?? "-"
            }
            return [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]
                .map { "\($0) \(text(counts.value(at: $1)))" }
                .joined(separator: ", ") + ", max \(text(counts.count > 0 ? counts.max : nil))"
        }
        func seconds(_ number: Double) -> String { "\((number * 10).rounded() / 10) s" }
        try Printing.facts(
            [
                ("boxes", "\(report.boxes), \(report.enrolled) enrolled in \(seconds(report.enrolmentSeconds))"),
                (
                    "check-ins",
                    "\(report.checkInsSent) sent in \(seconds(report.seconds)), \(report.checkInsAcknowledged) "
                        + "acknowledged, \(report.checkInsFailed) failed; \(report.checkInsDue) were due"
                ),
                ("events", "\(report.eventsAcknowledged) acknowledged"),
                ("metrics", "\(report.metricsSent) sent, \(report.metricsFailed) failed"),
                ("latency", spread(report.latency)), ("delay", spread(report.delay)),
            ],
            terminal
        )
        for (error, count) in report.errors.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
            terminal.warning("\(Printing.count(count, "time")): \(error)")
        }
    }
}
