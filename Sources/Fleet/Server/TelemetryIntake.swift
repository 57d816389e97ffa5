internal import Digest
internal import FleetProtocol
internal import Telemetry
internal import WallClock

/// What was not taken of a request, and why.
struct IntakeOutcome: Sendable {
    private(set) var rejected = 0
    private(set) var reason = ""

    mutating func reject(_ count: Int = 1, because reason: String) {
        guard count > 0 else { return }
        rejected += count
        if self.reason.isEmpty { self.reason = reason }
    }

    /// What the database didn't take; of one point it keeps several series, so that there may be more of those.
    mutating func add(_ count: Int, of total: Int, because reason: String) {
        reject(max(0, min(count, total - rejected)), because: reason)
    }

    var response: ExportResponse { ExportResponse(rejected: Int64(rejected), problem: reason) }
}

/// Metrics of a request as series of numbers with attributes as text.
///
/// Of a histogram four series remain: `.count` and `.sum`, and the quantiles `.p50` and `.p99`.
struct MetricsIntake: Sendable {
    private(set) var series: [MetricSeries] = []
    private(set) var outcome = IntakeOutcome()

    /// Series of one request.
    static let seriesLimit = 1000
    static let attributeLimit = 24
    static let textBytes = FleetLimits.nameBytes
    /// How far ahead of ours a box's clock may be; what lies further would never grow old.
    static let aheadSeconds: Int64 = 3600

    private struct Key: Hashable {
        var name: String
        var attributes: [String: String]
        var isCumulative: Bool
    }

    private var indexes: [Key: Int] = [:]
    private let now: UTCTime

    init(_ export: MetricsExport, now: UTCTime) {
        self.now = now
        for resource in export.resources {
            let attributes = Self.kept(resource.attributes)
            for metric in resource.scopes.lazy.flatMap(\.metrics) { add(metric, attributes) }
        }
        indexes = [:]
    }

    /// Of a resource: what tells apart what the same device sends of several programs. Its id is known; what changes at
    /// each start would make ever new series.
    static func kept(_ attributes: [TelemetryAttribute]) -> [TelemetryAttribute] {
        attributes.filter { $0.key == "service.name" || $0.key.hasPrefix("edge.") && $0.key != "edge.boot.id" }
    }

    private mutating func add(_ metric: Metric, _ resource: [TelemetryAttribute]) {
        guard (1...Self.textBytes).contains(metric.name.utf8.count), metric.unit.utf8.count <= Self.textBytes else {
            outcome.reject(metric.data.pointCount, because: "a metric's name or unit is empty or longer than 256 bytes")
            return
        }
        switch metric.data {
        case .other(let points): outcome.reject(points, because: "summaries are not kept")
        case .gauge(let points):
            for point in points { add(point, of: metric, resource, isCumulative: false) }
        case .sum(let points, let temporality, let isMonotonic):
            let isCumulative = isMonotonic && temporality == .cumulative
            for point in points { add(point, of: metric, resource, isCumulative: isCumulative) }
        case .histogram(let points, let temporality):
            for point in points {
                let quantiles = [0.5, 0.99].map { Quantiles.value(of: point, at: $0) }
                add(point.labels, count: point.count, sum: point.sum, quantiles, metric, resource, temporality)
            }
        case .exponentialHistogram(let points, let temporality):
            for point in points {
                let histogram = ExponentialHistogram(point)
                let quantiles = [0.5, 0.99].map { histogram?.value(at: $0) }
                add(point.labels, count: point.count, sum: point.sum, quantiles, metric, resource, temporality)
            }
        }
    }

    private mutating func add(
        _ point: NumberPoint,
        of metric: Metric,
        _ resource: [TelemetryAttribute],
        isCumulative: Bool
    ) {
        // Such a point says that there is no value.
        guard point.labels.flags & 1 == 0 else { return }
        let value: Double
        switch point.value {
        case .none: return
        case .integer(let number): value = Double(number)
        case .double(let number): value = number
        }
        guard let place = place(of: point.labels, resource) else { return }
        add(metric.name, metric.unit, place, value, isCumulative: isCumulative)
    }

    private mutating func add(
        _ labels: PointLabels,
        count: UInt64,
        sum: Double?,
        _ quantiles: [Double?],
        _ metric: Metric,
        _ resource: [TelemetryAttribute],
        _ temporality: Temporality
    ) {
        guard labels.flags & 1 == 0, let place = place(of: labels, resource) else { return }
        let isCumulative = temporality == .cumulative
        let room = 6
        guard metric.name.utf8.count + room <= Self.textBytes else {
            outcome.reject(because: "a histogram's name is longer than 250 bytes")
            return
        }
        let isTaken = add(metric.name + ".count", "1", place, Double(count), isCumulative: isCumulative)
        guard isTaken else { return }
        if let sum, sum.isFinite {
            add(metric.name + ".sum", metric.unit, place, sum, isCumulative: isCumulative)
        }
        for (name, value) in zip([".p50", ".p99"], quantiles) {
            if let value, value.isFinite {
                add(metric.name + name, metric.unit, place, value, isCumulative: false)
            }
        }
    }

    private struct Place {
        var time: UTCTime
        var attributes: [String: String]
    }

    /// When and of what a point is; nil where that can't be kept.
    private mutating func place(of labels: PointLabels, _ resource: [TelemetryAttribute]) -> Place? {
        let time = labels.time == 0 ? now : UTCTime(seconds: Int64(labels.time / 1_000_000_000))
        guard time.seconds <= now.seconds + Self.aheadSeconds else {
            outcome.reject(because: "a point is of \(time), more than an hour ahead of the fleet's clock")
            return nil
        }
        guard let attributes = AttributeText.all(resource + labels.attributes, limit: Self.attributeLimit) else {
            outcome.reject(because: "a point has more than 24 attributes, or one longer than 256 bytes")
            return nil
        }
        return Place(time: time, attributes: attributes)
    }

    @discardableResult
    private mutating func add(
        _ name: String,
        _ unit: String,
        _ place: Place,
        _ value: Double,
        isCumulative: Bool
    ) -> Bool {
        guard value.isFinite else {
            outcome.reject(because: "\(name) has a value that is no number")
            return false
        }
        let point = MetricSeries.Point(place.time, value)
        let key = Key(name: name, attributes: place.attributes, isCumulative: isCumulative)
        if let index = indexes[key] {
            series[index].points.append(point)
            return true
        }
        guard series.count < Self.seriesLimit else {
            outcome.reject(because: "the request holds more than \(Self.seriesLimit) series")
            return false
        }
        indexes[key] = series.count
        series.append(
            MetricSeries(
                name: name,
                unit: unit,
                attributes: place.attributes,
                isCumulative: isCumulative,
                points: [point]
            )
        )
        return true
    }
}

/// Log records of a request as lines.
struct LogsIntake: Sendable {
    private(set) var lines: [(id: String?, line: LogLine)] = []
    private(set) var outcome = IntakeOutcome()

    static let bodyBytes = FleetLimits.logBytes
    static let attributeLimit = 48
    /// What names a record, where its sender says (OpenTelemetry's conventions).
    static let identifier = "log.record.uid"
    private static let identifierBytes = 128

    init(_ export: LogsExport, now: UTCTime) {
        var seen: [SHA256Digest: Int] = [:]
        for resource in export.resources {
            let attributes = MetricsIntake.kept(resource.attributes)
            for record in resource.scopes.lazy.flatMap(\.records) { add(record, attributes, now, &seen) }
        }
    }

    private mutating func add(
        _ record: LogRecord,
        _ resource: [TelemetryAttribute],
        _ now: UTCTime,
        _ seen: inout [SHA256Digest: Int]
    ) {
        var own = record.attributes.filter { $0.key != Self.identifier }
        if !record.eventName.isEmpty { own.append(TelemetryAttribute("event.name", .string(record.eventName))) }
        guard let body = AttributeText.text(record.body, limit: Self.bodyBytes) else {
            outcome.reject(because: "a log record is longer than \(Self.bodyBytes) bytes")
            return
        }
        let all = AttributeText.all(resource + own, limit: Self.attributeLimit, bytes: FleetLimits.sentenceBytes)
        guard let attributes = all else {
            outcome.reject(because: "a log record has more than 48 attributes, or one longer than 4 KiB")
            return
        }
        let nanoseconds = record.time > 0 ? record.time : record.observed
        let line = LogLine(
            time: nanoseconds > 0 ? UTCTime(seconds: Int64(nanoseconds / 1_000_000_000)) : now,
            received: now,
            severity: Int(min(max(record.severity.number, 0), 24)),
            body: body,
            attributes: attributes
        )
        let given = record.attributes[Self.identifier]?.stringValue
        let id = given.flatMap { (1...Self.identifierBytes).contains($0.utf8.count) ? $0 : nil }
        lines.append((id ?? Self.id(of: line, nanoseconds: nanoseconds, &seen), line))
    }

    /// A name made from what the line says, the same when the request comes again; nil where the line has no time. Of
    /// several that are the same in one request each counts.
    private static func id(of line: LogLine, nanoseconds: UInt64, _ seen: inout [SHA256Digest: Int]) -> String? {
        guard nanoseconds > 0 else { return nil }
        var hash = SHA256()
        let parts = line.attributes.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        for part in ["\(nanoseconds)", "\(line.severity)", line.body] + parts {
            hash.update("\(part.utf8.count):".utf8)
            hash.update(part.utf8)
        }
        let digest = hash.finalize()
        let number = seen[digest, default: 0]
        seen[digest] = number + 1
        return "\(digest.hex.prefix(32))-\(number)"
    }
}

/// Values of attributes as text.
enum AttributeText {
    /// All, later ones over earlier ones of the same name; nil where there are more than `limit`, or one is empty-named or
    /// longer than `bytes`.
    static func all(
        _ attributes: [TelemetryAttribute],
        limit: Int,
        bytes: Int = MetricsIntake.textBytes
    ) -> [String: String]? {
        var texts: [String: String] = [:]
        for attribute in attributes {
            guard (1...MetricsIntake.textBytes).contains(attribute.key.utf8.count),
                let text = text(attribute.value, limit: bytes)
            else { return nil }
            texts[attribute.key] = text
        }
        return texts.count <= limit ? texts : nil
    }

    /// Nil where it would be longer than `limit` bytes.
    static func text(_ value: TelemetryValue, limit: Int) -> String? {
        var text = ""
        append(value, to: &text, limit: limit)
        return text.utf8.count <= limit ? text : nil
    }

    /// Stops soon after the limit: values of values multiply. Their depth is bounded where they are read.
    private static func append(_ value: TelemetryValue, to text: inout String, limit: Int) {
        guard text.utf8.count <= limit else { return }
        switch value {
        case .empty: break
        case .string(let string): text += string
        case .boolean(let boolean): text += boolean ? "true" : "false"
        case .integer(let number): text += String(number)
        case .double(let number): text += String(number)
        case .bytes(let bytes): text += "(\(bytes.count) bytes)"
        case .array(let values):
            text += "["
            for (index, value) in values.enumerated() {
                if index > 0 { text += ", " }
                append(value, to: &text, limit: limit)
            }
            text += "]"
        case .map(let attributes):
            text += "{"
            for (index, attribute) in attributes.enumerated() {
                if index > 0 { text += ", " }
                text += attribute.key + "="
                append(attribute.value, to: &text, limit: limit)
            }
            text += "}"
        }
    }
}

/// Quantiles of histograms with explicit bounds.
enum Quantiles {
    /// By the usual rule: evenly spread inside a bucket. The first and the last bucket end at the least and the greatest
    /// value where those are known, else at 0 (or its only bound) and at the last bound. Nil where the point holds nothing,
    /// or is not what a histogram is.
    static func value(of point: HistogramPoint, at quantile: Double) -> Double? {
        guard !point.bounds.isEmpty, point.bucketCounts.count == point.bounds.count + 1,
            point.bounds.allSatisfy(\.isFinite), zip(point.bounds, point.bounds.dropFirst()).allSatisfy({ $0 < $1 })
        else { return nil }
        let total = point.bucketCounts.reduce(0.0) { $0 + Double($1) }
        guard total > 0 else { return nil }
        let rank = total * quantile
        var below = 0.0
        for (index, count) in point.bucketCounts.enumerated() where count > 0 {
            let count = Double(count)
            guard below + count >= rank else {
                below += count
                continue
            }
            let first = point.bounds[0]
            let last = point.bounds[point.bounds.count - 1]
            var lower = index > 0 ? point.bounds[index - 1] : point.min ?? min(0, first)
            var upper = index < point.bounds.count ? point.bounds[index] : point.max ?? last
            if let least = point.min { lower = max(lower, least) }
            if let greatest = point.max { upper = min(upper, greatest) }
            guard lower.isFinite, upper.isFinite, lower <= upper else {
                return point.bounds[min(index, point.bounds.count - 1)]
            }
            return lower + (upper - lower) * min(max((rank - below) / count, 0), 1)
        }
        return nil
    }
}
