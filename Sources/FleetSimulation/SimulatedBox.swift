package import Deployment
package import FleetProtocol
package import Telemetry
package import WallClock

/// A box that is none: what it would say at each check-in, decided by a seed and nothing else.
package struct SimulatedBox: Sendable {
    package let device: DeviceID
    private let boot: String
    private let interval: Int
    private let facts: CheckIn.BoxFacts
    private var random: RandomSource
    private var endpoints: [SimulatedEndpoint]
    /// Of the newest record; check-ins and events share the numbers, as they do in a box's spool.
    private var sequence: Int
    private var round = 0
    /// What the fleet has not acknowledged.
    private var unsent: [EventReport] = []
    private var lost = CheckIn.Loss()
    private let started: UTCTime

    /// - Parameters:
    ///   - index: its number among the boxes; with `seed` it decides everything.
    ///   - interval: seconds between check-ins.
    ///   - sequence: where its numbers begin; a device that reports again has to begin above what it used.
    package init(device: DeviceID, index: Int, seed: UInt64, interval: Int, sequence: Int, at time: UTCTime) {
        self.device = device
        self.interval = interval
        self.sequence = sequence
        started = time
        var random = RandomSource(seed: seed, stream: UInt64(truncatingIfNeeded: index))
        boot = Self.bootID(&random, at: time)
        let machine = random.percent() < 70 ? "aarch64" : "x86_64"
        facts = CheckIn.BoxFacts(
            agent: "0.1.0",
            machine: machine,
            kernel: random.pick(["6.1.0-37-arm64", "6.6.51+rpt-rpi-v8", "6.12.9"]),
            system: random.pick(["Debian GNU/Linux 12 (bookworm)", "Ubuntu 24.04.2 LTS"]),
            processors: random.pick([2, 4, 8]),
            memoryBytes: random.pick([1, 2, 4, 8]) << 30,
            uptime: Int.random(in: 600...5_000_000, using: &random)
        )
        endpoints = []
        for (name, bundle, port, share) in [("digits", "digits", 8080, 100), ("vibration", "anomaly", 8081, 30)] {
            guard random.percent() < share, let name = EndpointName(name) else { continue }
            endpoints.append(SimulatedEndpoint(name: name, bundle: bundle, port: port, at: time, random: &random))
        }
        self.random = random
    }

    /// Like the kernel's: another for each boot.
    private static func bootID(_ random: inout RandomSource, at time: UTCTime) -> String {
        let bits = random.next() ^ UInt64(bitPattern: time.seconds)
        let digits = String(bits, radix: 16)
        let padded = String(repeating: "0", count: 16 - digits.count) + digits
        return "\(padded.prefix(8))-\(padded.dropFirst(8).prefix(4))-4\(padded.suffix(3))-8000-000000000000"
    }

    /// Of its own labels.
    private var labels: [String: String] { ["sim": "true"] }

    /// The next check-in; the events of earlier ones are in it until they are acknowledged.
    package mutating func checkIn(at time: UTCTime) -> CheckIn {
        let moment = CheckIn.Moment(time, isTrusted: true)
        for index in endpoints.indices {
            let steps = endpoints[index].advance(round: round, seconds: interval, at: time, random: &random)
            for step in steps {
                sequence += 1
                unsent.append(endpoints[index].event(step, boot: boot, sequence: sequence, at: moment))
            }
        }
        // As a spool does when it is full.
        let surplus = unsent.count - FleetLimits.events
        if surplus > 0 {
            unsent.removeFirst(surplus)
            lost.records += surplus
        }
        sequence += 1
        var checkIn = CheckIn(device: device, boot: boot, sequence: sequence, moment: moment, facts: facts)
        checkIn.facts.uptime += Int(clamping: max(0, time.seconds - started.seconds))
        checkIn.interval = interval
        // Its metadata is made up: in a channel of real boxes these would all seem to be behind it.
        checkIn.channel = .dev
        checkIn.labels = labels
        checkIn.metadata = .init(timestampVersion: 100 + round / 20, verified: time, source: "repository")
        checkIn.endpoints = endpoints.map(\.report)
        checkIn.events = unsent
        checkIn.lost = lost
        round += 1
        return checkIn
    }

    /// The fleet has kept the check-in of that sequence, and so all events before it.
    package mutating func acknowledge(_ sequence: Int) {
        unsent.removeAll { $0.sequence <= sequence }
    }

    /// Whether metrics go with the check-in that was made last: with every sixth.
    package var hasMetrics: Bool { round % 6 == 1 }

    /// What a box measures of itself, now.
    package mutating func metrics(at time: UTCTime) -> MetricsExport {
        let now = UInt64(clamping: time.seconds) * 1_000_000_000
        let begin = UInt64(clamping: started.seconds) * 1_000_000_000
        func point(_ value: NumberPoint.Value, _ attributes: [TelemetryAttribute] = []) -> NumberPoint {
            NumberPoint(PointLabels(attributes, start: begin, time: now), value)
        }
        func sum(_ points: [NumberPoint]) -> MetricData { .sum(points, .cumulative, isMonotonic: true) }
        let seconds = Double(max(0, time.seconds - started.seconds))
        let busy = Double(Int.random(in: 5...60, using: &random)) / 100
        let resident = Int64(Int.random(in: 40...60, using: &random)) << 20
        let temperature = Double(Int.random(in: 380...640, using: &random)) / 10
        var metrics = [
            Metric("process.cpu.time", unit: "s", sum([point(.double(seconds * 0.02))])),
            Metric("process.memory.usage", unit: "By", .gauge([point(.integer(resident))])),
            Metric("system.cpu.utilization", unit: "1", .gauge([point(.double(busy))])),
            Metric("hw.temperature", unit: "Cel", .gauge([point(.double(temperature))])),
        ]
        let served = endpoints.map { endpoint in
            (
                endpoint,
                [
                    TelemetryAttribute("edge.endpoint", .string(endpoint.name.text)),
                    TelemetryAttribute("edge.bundle.name", .string(endpoint.running.name)),
                    TelemetryAttribute("edge.bundle.version", .string(String(endpoint.running.version))),
                ]
            )
        }
        let requests = served.map { point(.integer(Int64($0.requests)), $1) }
        let errors = served.map { point(.integer(Int64($0.errors)), $1) }
        metrics.append(Metric("edge.ml.requests", unit: "{request}", sum(requests)))
        metrics.append(Metric("edge.ml.errors", unit: "{request}", sum(errors)))
        let resource = ResourceMetrics(
            attributes: [
                TelemetryAttribute("service.name", "edgeagent"), TelemetryAttribute("service.version", "0.1.0"),
                TelemetryAttribute("device.id", .string(device.text)),
                TelemetryAttribute("edge.boot.id", .string(boot)),
            ],
            scopes: [ScopeMetrics(scope: TelemetryScope(name: "edge.simulation"), metrics: metrics)]
        )
        return MetricsExport([resource])
    }
}
