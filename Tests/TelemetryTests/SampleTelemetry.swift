@testable import Telemetry

/// Messages that use every field and every kind of value that we have.
enum SampleTelemetry {
    static let attributes: [TelemetryAttribute] = [
        TelemetryAttribute("edge.bundle.name", "digits"),
        TelemetryAttribute("ünicode", "söme \"text\" 日本"),
        TelemetryAttribute("yes", true),
        TelemetryAttribute("no", false),
        TelemetryAttribute("zero", 0),
        TelemetryAttribute("least", .integer(.min)),
        TelemetryAttribute("most", .integer(.max)),
        TelemetryAttribute("ratio", 0.1),
        TelemetryAttribute("tiny", .double(5e-324)),
        TelemetryAttribute("endless", .double(-.infinity)),
        TelemetryAttribute("nothing", .empty),
        TelemetryAttribute("empty text", ""),
        TelemetryAttribute("bytes", .bytes([0, 1, 254, 255])),
        TelemetryAttribute("list", .array([1, "two", .array([]), .empty])),
        TelemetryAttribute("map", .map([TelemetryAttribute("inner", .map([TelemetryAttribute("a", 1)]))])),
    ]

    static let labels = PointLabels(attributes, start: 1_763_643_600_000_000_000, time: .max, flags: 1)
    static let scope = TelemetryScope(name: "edgeagent", version: "1.2.3", attributes: [TelemetryAttribute("a", "b")])

    static let metrics = MetricsExport([
        ResourceMetrics(
            attributes: attributes,
            scopes: [
                ScopeMetrics(
                    scope: scope,
                    metrics: [
                        Metric(
                            "process.uptime",
                            description: "since start",
                            unit: "s",
                            .gauge([
                                NumberPoint(labels, .double(12.5)), NumberPoint(PointLabels(), .integer(-1)),
                                NumberPoint(PointLabels(), .integer(0)), NumberPoint(PointLabels(), .none),
                            ])
                        ),
                        Metric(
                            "edge.ml.requests",
                            unit: "{request}",
                            .sum(
                                [
                                    NumberPoint(labels, .integer(.max))
                                ],
                                .cumulative,
                                isMonotonic: true
                            )
                        ),
                        Metric("edge.queue", .sum([], .delta, isMonotonic: false)),
                        Metric(
                            "edge.ml.input",
                            .histogram(
                                [
                                    HistogramPoint(
                                        labels,
                                        count: 7,
                                        sum: -1.5,
                                        min: -9,
                                        max: 0,
                                        bucketCounts: [1, 0, .max],
                                        bounds: [-1, 2.5]
                                    ), HistogramPoint(),
                                ],
                                .delta
                            )
                        ),
                        Metric(
                            "edge.ml.inference.duration",
                            unit: "s",
                            .exponentialHistogram(
                                [
                                    ExponentialHistogramPoint(
                                        labels,
                                        count: 9,
                                        sum: 3,
                                        min: 0,
                                        max: 2,
                                        scale: -3,
                                        zeroCount: 2,
                                        zeroThreshold: 1e-9,
                                        positive: .init(offset: -1_000, counts: [1, 0, 300, .max]),
                                        negative: .init(offset: 12, counts: [4])
                                    ), ExponentialHistogramPoint(scale: 20),
                                ],
                                .cumulative
                            )
                        ),
                    ]
                ), ScopeMetrics(),
            ]
        ), ResourceMetrics(),
    ])

    static let logs = LogsExport([
        ResourceLogs(
            attributes: attributes,
            scopes: [
                ScopeLogs(
                    scope: scope,
                    records: [
                        LogRecord(
                            time: 1,
                            observed: 1_763_643_600_000_000_000,
                            severity: .warning,
                            severityText: "WARN",
                            body: "the model could not be loaded",
                            attributes: attributes,
                            eventName: "edge.update.failed"
                        ), LogRecord(), LogRecord(body: .map(attributes)),
                    ]
                )
            ]
        )
    ])
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
