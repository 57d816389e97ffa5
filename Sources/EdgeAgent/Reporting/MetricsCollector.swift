internal import BundleManifest
internal import Deployment
internal import Digest
internal import Glibc
internal import RuntimeControl
internal import Telemetry
internal import UnixSockets
internal import WallClock

/// Measures the box and what runs on it (docs/telemetry.md, "What a box measures").
final class MetricsCollector {
    /// Whose measurements they are.
    struct Identity {
        var device: DeviceID
        var host: String
        var channel: Channel
    }

    /// Steps of updates since the agent was started.
    struct Transitions {
        struct Key: Hashable, Comparable {
            var endpoint: EndpointName
            var state: String
            var result: String

            static func < (left: Self, right: Self) -> Bool {
                (left.endpoint.text, left.state, left.result) < (right.endpoint.text, right.state, right.result)
            }
        }

        private(set) var counts: [Key: Int] = [:]
        /// States and results are few; texts of a newer agent's history may be many.
        private static let mostKeys = 64

        mutating func count(_ entry: UpdateHistory.Entry, of endpoint: EndpointName) {
            // Codes with a subject would make a series for each.
            let result = entry.result.map { String($0.prefix { $0 != "(" }) } ?? ""
            let key = Key(endpoint: endpoint, state: entry.state.cut(toBytes: 64), result: result.cut(toBytes: 64))
            guard counts[key] != nil || counts.count < Self.mostKeys else { return }
            counts[key, default: 0] += 1
        }
    }

    static let scope = TelemetryScope(name: "edge.agent", version: agentVersion)

    var transitions = Transitions()
    private let boot: BootID
    private let root: String
    private let own: ProcessIdentity?
    /// When the machine was started, in nanoseconds since 1970, as the clock has it.
    private var bootTime: UInt64?

    init(boot: BootID, root: String) {
        self.boot = boot
        self.root = root
        own = ProcessIdentity.read(getpid())
    }

    func collect(
        _ world: Reporter.World,
        counters: [ProcessIdentity: ServingCounters],
        titles: (SHA256Digest) -> BoxStatus.Title?,
        identity: Identity,
        spool: FleetSpool,
        clock: ClockReading,
        at now: Duration
    ) -> MetricsExport {
        setBootTime(clock, now)
        let time = time(of: now)
        var agent = MetricSet(time: time)
        if let own { addProcess(own, to: &agent, [], at: now) }
        addSystem(SystemReading.read(root: root), to: &agent, uptime: now)
        let agentStart = own.map { start(of: $0) } ?? 0
        for (key, count) in transitions.counts.sorted(by: { $0.key < $1.key }) {
            agent.counter(
                "edge.update.transitions",
                "{transition}",
                .integer(Int64(clamping: count)),
                [
                    .init("edge.endpoint", .string(key.endpoint.text)), .init("edge.update.state", .string(key.state)),
                    .init("edge.update.result", .string(key.result)),
                ],
                start: agentStart
            )
        }
        for spoolClass in SpoolClass.allCases where spoolClass != .samples {
            agent.level(
                "edge.spool.size",
                "By",
                .integer(Int64(clamping: spool.bytes(of: spoolClass))),
                [.init("edge.spool.class", .string(spoolClass.name))]
            )
        }
        var scopes = agent.metrics
        scopes += spool.losses.metrics(time: time).filter { $0.data.pointCount > 0 }
        var resources = [
            ResourceMetrics(
                attributes: agentResource(identity),
                scopes: [ScopeMetrics(scope: Self.scope, metrics: scopes)]
            )
        ]
        for endpoint in world.endpoints {
            for runtime in endpoint.runtimes {
                let bundle = runtime.loaded.map { Self.bundle($0, titles($0)) } ?? []
                let place: [TelemetryAttribute] = [
                    .init("edge.endpoint", .string(endpoint.name.text)),
                    .init("edge.slot", .string(runtime.slot.rawValue)),
                ]
                var set = MetricSet(time: time)
                addProcess(runtime.identity, to: &set, place + bundle, at: now)
                if let counters = counters[runtime.identity] {
                    addModel(counters, to: &set, place + bundle, start: start(of: runtime.identity))
                }
                guard !set.metrics.isEmpty else { continue }
                resources.append(
                    ResourceMetrics(
                        attributes: resource("edgeruntime", nil, runtime.identity, identity),
                        scopes: [ScopeMetrics(scope: Self.scope, metrics: set.metrics)]
                    )
                )
            }
        }
        return MetricsExport(resources)
    }

    // MARK: - Times

    /// It stays what it was while the clock is not set anew, so that counters keep the start that they had.
    private func setBootTime(_ clock: ClockReading, _ now: Duration) {
        let seconds = max(0, clock.time.seconds - now.components.seconds)
        let found = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000).partialValue
        if let bootTime, max(bootTime, found) - min(bootTime, found) < 5_000_000_000 { return }
        bootTime = found
    }

    private func time(of now: Duration) -> UInt64 {
        let (seconds, attoseconds) = now.components
        let nanoseconds = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000).partialValue
        return (bootTime ?? 0) &+ nanoseconds &+ UInt64(clamping: attoseconds / 1_000_000_000)
    }

    private func start(of process: ProcessIdentity) -> UInt64 {
        let second = UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let (whole, rest) = process.startTicks.quotientAndRemainder(dividingBy: second)
        return (bootTime ?? 0) &+ whole &* 1_000_000_000 &+ rest &* (1_000_000_000 / second)
    }

    // MARK: - Attributes

    func agentResource(_ identity: Identity) -> [TelemetryAttribute] {
        resource("edgeagent", agentVersion, own, identity)
    }

    /// - Parameter version: nil where it isn't known, as a runtime may be older than the agent.
    private func resource(
        _ service: String,
        _ version: String?,
        _ process: ProcessIdentity?,
        _ identity: Identity
    ) -> [TelemetryAttribute] {
        var attributes: [TelemetryAttribute] = [.init("service.name", .string(service))]
        if let version { attributes.append(.init("service.version", .string(version))) }
        let instance = process.map { "\(boot.text)/\($0.processID)/\($0.startTicks)" } ?? boot.text
        return attributes + [
            .init("service.instance.id", .string(instance)), .init("host.name", .string(identity.host)),
            .init("device.id", .string(identity.device.text)), .init("edge.boot.id", .string(boot.text)),
            .init("deployment.environment.name", .string(identity.channel.rawValue)),
        ]
    }

    private static func bundle(_ digest: SHA256Digest, _ title: BoxStatus.Title?) -> [TelemetryAttribute] {
        var attributes: [TelemetryAttribute] = []
        if let title {
            attributes.append(.init("edge.bundle.name", .string(title.name.text)))
            attributes.append(.init("edge.bundle.version", .string(title.version.description)))
        }
        return attributes + [.init("edge.bundle.digest", .string(digest.hex))]
    }

    // MARK: - Measurements

    private func addProcess(
        _ process: ProcessIdentity,
        to set: inout MetricSet,
        _ attributes: [TelemetryAttribute],
        at now: Duration
    ) {
        guard ProcessIdentity.read(process.processID) == process,
            // Of the agent without its helpers, which do other work at every look.
            let reading = ProcessReading.read(process.processID, withChildren: process != own)
        else { return }
        let start = self.start(of: process)
        for (mode, seconds) in [("user", reading.user), ("system", reading.system)] {
            let attributes = attributes + [.init("cpu.mode", .string(mode))]
            set.counter("process.cpu.time", "s", .double(seconds), attributes, start: start)
        }
        set.level("process.memory.usage", "By", .integer(Int64(reading.resident)), attributes)
        set.level("process.thread.count", "{thread}", .integer(Int64(reading.threads)), attributes)
        if let descriptors = reading.descriptors {
            set.level(
                "process.unix.file_descriptor.count",
                "{file_descriptor}",
                .integer(Int64(descriptors)),
                attributes
            )
        }
        let second = Double(max(1, sysconf(Int32(_SC_CLK_TCK))))
        let uptime = max(0, now / .seconds(1) - Double(process.startTicks) / second)
        set.gauge("process.uptime", "s", .double(uptime), attributes)
    }

    private func addSystem(_ reading: SystemReading, to set: inout MetricSet, uptime: Duration) {
        let start = bootTime ?? 0
        for (mode, seconds) in reading.processor {
            set.counter("system.cpu.time", "s", .double(seconds), [.init("cpu.mode", .string(mode))], start: start)
        }
        for (state, bytes) in reading.memory {
            let attributes: [TelemetryAttribute] = [.init("system.memory.state", .string(state))]
            set.level("system.memory.usage", "By", .integer(Int64(bytes)), attributes)
        }
        for (state, bytes) in reading.disk {
            let attributes: [TelemetryAttribute] = [.init("system.filesystem.state", .string(state))]
            set.level("system.filesystem.usage", "By", .integer(Int64(bytes)), attributes)
        }
        set.gauge("system.uptime", "s", .double((uptime / .seconds(1)).rounded()), [])
        for (name, load) in zip(["1m", "5m", "15m"], reading.load) {
            set.gauge("system.cpu.load_average.\(name)", "{thread}", .double(load), [])
        }
        for interface in reading.interfaces {
            for (direction, bytes) in [("receive", interface.received), ("transmit", interface.sent)] {
                set.counter(
                    "system.network.io",
                    "By",
                    .integer(Int64(bytes)),
                    [
                        .init("network.interface.name", .string(interface.name)),
                        .init("network.io.direction", .string(direction)),
                    ],
                    start: start
                )
            }
        }
        for temperature in reading.temperatures {
            set.gauge(
                "hw.temperature",
                "Cel",
                .double(temperature.value),
                [.init("hw.id", .string(temperature.zone)), .init("hw.name", .string(temperature.kind))]
            )
        }
    }

    private func addModel(
        _ counters: ServingCounters,
        to set: inout MetricSet,
        _ attributes: [TelemetryAttribute],
        start: UInt64
    ) {
        let numbers = [
            ("edge.ml.requests", "{request}", counters.requests), ("edge.ml.errors", "{request}", counters.errors),
            ("edge.ml.rejected", "{request}", counters.busy), ("edge.ml.restarts", "{restart}", counters.restarts),
        ]
        for (name, unit, count) in numbers {
            set.counter(name, unit, .integer(Int64(clamping: count)), attributes, start: start)
        }
        guard let latencies = counters.latencies else { return }
        let labels = PointLabels(attributes, start: start, time: set.time)
        set.add(
            "edge.ml.inference.duration",
            "s",
            .exponentialHistogram([latencies.point(labels)], .cumulative)
        )
    }
}

extension LatencyCounts {
    /// Buckets that grow by the fourth root of 2, as the runtime's classes do about: a time is taken for the longest of
    /// its class, which is at most a quarter more.
    private static let scale = 2

    /// In seconds.
    func point(_ labels: PointLabels) -> ExponentialHistogramPoint {
        var indexed: [(index: Int, count: UInt64)] = []
        var total: UInt64 = 0
        for entry in classes {
            // What has no bound is longer than all others: as if by a quarter.
            let last = indexed.isEmpty ? 1 : (classes.dropLast().last?.longest ?? 1)
            let longest = Double(entry.longest ?? last + last / 4 + 1)
            let index = Int((log2(longest / 1e6) * Double(1 << Self.scale)).rounded(.up)) - 1
            let (sum, overflow) = total.addingReportingOverflow(UInt64(clamping: entry.count))
            total = overflow ? .max : sum
            indexed.append((index, UInt64(clamping: entry.count)))
        }
        var buckets = ExponentialHistogramPoint.Buckets()
        if let first = indexed.map(\.index).min(), let last = indexed.map(\.index).max() {
            buckets.offset = Int32(first)
            buckets.counts = [UInt64](repeating: 0, count: last - first + 1)
            for (index, count) in indexed {
                let (sum, overflow) = buckets.counts[index - first].addingReportingOverflow(count)
                buckets.counts[index - first] = overflow ? .max : sum
            }
        }
        return ExponentialHistogramPoint(
            labels,
            count: total,
            sum: Double(totalMicroseconds) / 1e6,
            scale: Int32(Self.scale),
            positive: buckets
        )
    }
}

/// Points of one moment, by metric, in the order that they came in.
struct MetricSet {
    let time: UInt64
    private(set) var metrics: [Metric] = []

    init(time: UInt64) { self.time = time }

    /// What only rises, counted since `start`.
    mutating func counter(
        _ name: String,
        _ unit: String,
        _ value: NumberPoint.Value,
        _ attributes: [TelemetryAttribute],
        start: UInt64
    ) {
        let point = NumberPoint(PointLabels(attributes, start: start, time: time), value)
        if let index = metrics.firstIndex(where: { $0.name == name }),
            case .sum(let points, let temporality, let isMonotonic) = metrics[index].data
        {
            metrics[index].data = .sum(points + [point], temporality, isMonotonic: isMonotonic)
        } else {
            add(name, unit, .sum([point], .cumulative, isMonotonic: true))
        }
    }

    /// What there is of something that can be added up: an UpDownCounter of OpenTelemetry.
    mutating func level(
        _ name: String,
        _ unit: String,
        _ value: NumberPoint.Value,
        _ attributes: [TelemetryAttribute]
    ) {
        let point = NumberPoint(PointLabels(attributes, time: time), value)
        if let index = metrics.firstIndex(where: { $0.name == name }),
            case .sum(let points, let temporality, let isMonotonic) = metrics[index].data
        {
            metrics[index].data = .sum(points + [point], temporality, isMonotonic: isMonotonic)
        } else {
            add(name, unit, .sum([point], .cumulative, isMonotonic: false))
        }
    }

    /// What is as it is at the moment.
    mutating func gauge(
        _ name: String,
        _ unit: String,
        _ value: NumberPoint.Value,
        _ attributes: [TelemetryAttribute]
    ) {
        let point = NumberPoint(PointLabels(attributes, time: time), value)
        if let index = metrics.firstIndex(where: { $0.name == name }), case .gauge(let points) = metrics[index].data {
            metrics[index].data = .gauge(points + [point])
        } else {
            add(name, unit, .gauge([point]))
        }
    }

    mutating func add(_ name: String, _ unit: String, _ data: MetricData) {
        metrics.append(Metric(name, unit: unit, data))
    }
}
