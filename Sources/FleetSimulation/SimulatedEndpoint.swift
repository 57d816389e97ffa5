internal import Deployment
internal import FleetProtocol
internal import WallClock

/// A scoring service of a simulated box: follows the fleet's deployments as a real one does, in fewer steps.
struct SimulatedEndpoint: Sendable {
    /// How an update to a version goes on this box.
    enum Fate: Sendable {
        case successful
        /// Waits for something until the next version comes.
        case waiting(WaitingReason)
        /// The probe refuses it.
        case rejected
        /// It serves, ends by itself, and the box goes back.
        case rolledBack
    }

    /// What happened: the states it came to, and the words of a box's history.
    struct Step: Sendable {
        var state: UpdateState
        var result: UpdateResult?
        var reason = "done"
        var detail = ""
        var log: String?
    }

    /// Check-ins between two deployments. The first comes soon, so that a short run shows an update too.
    static let period = 60
    /// Boxes come to a new deployment within so many check-ins, as waves open.
    static let spread = 6

    let name: EndpointName
    let bundle: String
    let port: Int
    /// What it is asked each second.
    private let requestRate: Int
    /// How many of a hundred requests end with an error.
    private let errorPercent: Int
    private let latency: Int
    private let delay: Int

    private(set) var running: SimulatedBundle
    private(set) var previous: SimulatedBundle?
    private(set) var wanted: SimulatedBundle
    private(set) var state = UpdateState.idle
    private(set) var result: UpdateResult? = .alreadyInstalled
    private var fate = Fate.successful
    private(set) var since: UTCTime
    private(set) var requests = 0
    private(set) var errors = 0
    private var restarts = 0

    init(name: EndpointName, bundle: String, port: Int, at time: UTCTime, random: inout RandomSource) {
        self.name = name
        self.bundle = bundle
        self.port = port
        requestRate = Int.random(in: 0...40, using: &random)
        errorPercent = random.percent() < 2 ? 12 : 0
        latency = Int.random(in: 300...2_500, using: &random)
        delay = Int.random(in: 1...Self.spread, using: &random)
        running = SimulatedBundle(name: bundle, version: 1)
        wanted = running
        since = time
    }

    /// The deployment that brought a version: the fleet's serials rise with the versions.
    private func serial(_ bundle: SimulatedBundle) -> Int { bundle.version }

    /// What happens between two check-ins, `seconds` apart; `round` counts check-ins from 0.
    mutating func advance(round: Int, seconds: Int, at time: UTCTime, random: inout RandomSource) -> [Step] {
        let asked = requestRate * seconds
        requests += asked
        errors += asked * errorPercent / 100
        let steps = update(round: round, random: &random)
        if let last = steps.last {
            state = last.state
            result = last.result
            since = time
        }
        return steps
    }

    private mutating func update(round: Int, random: inout RandomSource) -> [Step] {
        let newest = SimulatedBundle(name: bundle, version: 2 + max(0, round - delay) / Self.period)
        switch state {
        case .idle, .preflight:
            guard round >= delay, newest != wanted else { return [] }
            wanted = newest
            fate = Self.fate(&random)
            if case .waiting(let reason) = fate {
                return [
                    Step(state: .preflight, result: .waitingFor(reason), reason: "waiting", detail: reason.sentence)
                ]
            }
            return [Step(state: .preflight), Step(state: .download)]
        case .download:
            let steps = [Step(state: .verify), Step(state: .stage), Step(state: .probe)]
            guard case .rejected = fate else { return steps }
            let detail = "2 of 20 conformance samples differ, at most 0 may: sample 7, output label: 3 instead of 8"
            return steps + [
                Step(state: .failure, result: .rejected, reason: "refused", detail: detail, log: Self.probeLog)
            ]
                + Self.end(.rejected, detail)
        case .probe:
            takeNew()
            return [Step(state: .activate), Step(state: .observe)]
        case .observe:
            guard case .rolledBack = fate else {
                return [Step(state: .commit), Step(state: .cleanup), Step(state: .idle, result: .successful)]
            }
            goBack()
            let detail = "it ended by itself once, which it may not"
            let back = Step(
                state: .rollback,
                result: .failedRollbackComplete,
                reason: "refused",
                detail: detail,
                log: Self.crashLog
            )
            return [back] + Self.end(.failedRollbackComplete, detail)
        case .sync, .verify, .stage, .activate, .commit, .rollback, .cleanup, .failure:
            // A check-in never finds it there: these pass within one step.
            return [Step(state: .idle)]
        }
    }

    private static func end(_ result: UpdateResult, _ detail: String) -> [Step] {
        [Step(state: .cleanup), Step(state: .idle, result: result, reason: "refused", detail: detail)]
    }

    private static func fate(_ random: inout RandomSource) -> Fate {
        switch random.percent() {
        case ..<3: .rejected
        case ..<6: .rolledBack
        case ..<11: .waiting(random.pick([.disk, .memory, .wave, .freshness]))
        default: .successful
        }
    }

    private mutating func takeNew() {
        previous = running
        running = wanted
        (requests, errors, restarts) = (0, 0, 0)
    }

    private mutating func goBack() {
        if let before = previous { running = before }
        previous = nil
        (requests, errors) = (0, 0)
        restarts = 1
    }

    /// What a check-in says of it.
    var report: EndpointReport {
        var report = EndpointReport(name: name, listen: "127.0.0.1:\(port)", state: state.rawValue)
        report.running = running.report(serial: serial(running))
        report.wanted = wanted.report(serial: serial(wanted))
        report.previous = previous.map { $0.report(serial: serial($0)) }
        report.since = since
        report.result = result?.code
        report.sentence = result?.sentence
        report.containment = "full"
        report.counters = EndpointReport.Counters(
            requests: requests,
            errors: errors,
            restarts: restarts,
            p50Microseconds: latency,
            p99Microseconds: latency * 4
        )
        return report
    }

    /// An event of a step, as the box's history has it.
    func event(_ step: Step, boot: String, sequence: Int, at moment: CheckIn.Moment) -> EventReport {
        var event = EventReport(
            boot: boot,
            sequence: sequence,
            moment: moment,
            endpoint: name,
            state: step.state.rawValue,
            reason: step.reason,
            detail: step.detail
        )
        event.serial = serial(wanted)
        event.bundle = wanted.report(serial: serial(wanted))
        event.result = step.result?.code
        event.log = step.log
        return event
    }

    private static let probeLog = """
        edgeruntime: 20 conformance samples
        sample 7: output label is 3, expected 8 (the top two differ by 0.41)
        sample 12: output label is 9, expected 4 (the top two differ by 0.38)
        edgeruntime: 2 of 20 samples differ

        """
    private static let crashLog = """
        Traceback (most recent call last):
          File "score.py", line 41, in run
            scores = session.run(None, {"image": rows})[0]
        MemoryError
        edgeruntime: the worker ended by itself with signal 6

        """
}
