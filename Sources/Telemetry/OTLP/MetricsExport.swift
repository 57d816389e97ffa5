/// Metrics as they are sent: ExportMetricsServiceRequest of opentelemetry/proto/collector/metrics/v1.
///
/// What we have no use for is not kept: exemplars, entity references, metadata, descriptions of dropped attributes.
package struct MetricsExport: Hashable, Sendable {
    package var resources: [ResourceMetrics]

    package init(_ resources: [ResourceMetrics] = []) { self.resources = resources }

    /// How many data points it holds, of all kinds.
    package var pointCount: Int {
        resources.reduce(0) { $0 + $1.scopes.reduce(0) { $0 + $1.metrics.reduce(0) { $0 + $1.data.pointCount } } }
    }
}

/// The metrics of one resource: a process on a box.
package struct ResourceMetrics: Hashable, Sendable {
    package var attributes: [TelemetryAttribute]
    package var scopes: [ScopeMetrics]

    package init(attributes: [TelemetryAttribute] = [], scopes: [ScopeMetrics] = []) {
        self.attributes = attributes
        self.scopes = scopes
    }
}

/// The metrics of one scope.
package struct ScopeMetrics: Hashable, Sendable {
    package var scope: TelemetryScope
    package var metrics: [Metric]

    package init(scope: TelemetryScope = TelemetryScope(), metrics: [Metric] = []) {
        self.scope = scope
        self.metrics = metrics
    }
}

/// One metric with its points.
package struct Metric: Hashable, Sendable {
    package var name: String
    package var description: String
    /// A unit of UCUM: `s`, `By`, `1`, `{request}`.
    package var unit: String
    package var data: MetricData

    package init(_ name: String, description: String = "", unit: String = "", _ data: MetricData) {
        self.name = name
        self.description = description
        self.unit = unit
        self.data = data
    }
}

/// The points of a metric, by kind.
package enum MetricData: Hashable, Sendable {
    /// Nothing, or a kind that we don't keep (a summary), with the number of its points.
    case other(points: Int)
    case gauge([NumberPoint])
    case sum([NumberPoint], Temporality, isMonotonic: Bool)
    case histogram([HistogramPoint], Temporality)
    case exponentialHistogram([ExponentialHistogramPoint], Temporality)

    package var pointCount: Int {
        switch self {
        case .other(let points): points
        case .gauge(let points), .sum(let points, _, _): points.count
        case .histogram(let points, _): points.count
        case .exponentialHistogram(let points, _): points.count
        }
    }
}

/// What the counts of points begin at: AggregationTemporality of metrics.proto.
package enum Temporality: Int32, Hashable, Sendable {
    case unspecified = 0
    /// Since the last report.
    case delta = 1
    /// Since the start time, which stays: what is lost or comes twice then does no harm.
    case cumulative = 2
}

/// Of every point: what it is of, and when.
package struct PointLabels: Hashable, Sendable {
    package var attributes: [TelemetryAttribute]
    /// Since when counts run, in nanoseconds since 1970 UTC; 0 where unknown.
    package var start: UInt64
    /// When it was measured, in nanoseconds since 1970 UTC.
    package var time: UInt64
    /// DataPointFlags; bit 0 says that there is no value.
    package var flags: UInt32

    package init(_ attributes: [TelemetryAttribute] = [], start: UInt64 = 0, time: UInt64 = 0, flags: UInt32 = 0) {
        self.attributes = attributes
        self.start = start
        self.time = time
        self.flags = flags
    }
}

/// A number at a time: NumberDataPoint.
package struct NumberPoint: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case none
        case integer(Int64)
        case double(Double)
    }

    package var labels: PointLabels
    package var value: Value

    package init(_ labels: PointLabels, _ value: Value) {
        self.labels = labels
        self.value = value
    }
}

/// Counts between bounds: HistogramDataPoint. Bucket i holds what is above bound i-1 and at most bound i.
package struct HistogramPoint: Hashable, Sendable {
    package var labels: PointLabels
    package var count: UInt64
    package var sum: Double?
    package var min: Double?
    package var max: Double?
    /// One more than bounds, or none.
    package var bucketCounts: [UInt64]
    package var bounds: [Double]

    package init(
        _ labels: PointLabels = PointLabels(),
        count: UInt64 = 0,
        sum: Double? = nil,
        min: Double? = nil,
        max: Double? = nil,
        bucketCounts: [UInt64] = [],
        bounds: [Double] = []
    ) {
        self.labels = labels
        self.count = count
        self.sum = sum
        self.min = min
        self.max = max
        self.bucketCounts = bucketCounts
        self.bounds = bounds
    }
}

/// Counts in buckets that grow by a factor: ExponentialHistogramDataPoint, as it stands in a message.
///
/// To record and to merge there is `ExponentialHistogram`.
package struct ExponentialHistogramPoint: Hashable, Sendable {
    package struct Buckets: Hashable, Sendable {
        /// The index of the first bucket.
        package var offset: Int32
        package var counts: [UInt64]

        package init(offset: Int32 = 0, counts: [UInt64] = []) {
            self.offset = offset
            self.counts = counts
        }
    }

    package var labels: PointLabels
    package var count: UInt64
    package var sum: Double?
    package var min: Double?
    package var max: Double?
    /// The factor is 2^(2^-scale).
    package var scale: Int32
    package var zeroCount: UInt64
    package var zeroThreshold: Double
    package var positive: Buckets
    package var negative: Buckets

    package init(
        _ labels: PointLabels = PointLabels(),
        count: UInt64 = 0,
        sum: Double? = nil,
        min: Double? = nil,
        max: Double? = nil,
        scale: Int32 = 0,
        zeroCount: UInt64 = 0,
        zeroThreshold: Double = 0,
        positive: Buckets = Buckets(),
        negative: Buckets = Buckets()
    ) {
        self.labels = labels
        self.count = count
        self.sum = sum
        self.min = min
        self.max = max
        self.scale = scale
        self.zeroCount = zeroCount
        self.zeroThreshold = zeroThreshold
        self.positive = positive
        self.negative = negative
    }
}
