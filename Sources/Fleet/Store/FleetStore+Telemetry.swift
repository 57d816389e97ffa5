package import Deployment
internal import Digest
internal import FleetProtocol
internal import JSON
internal import SQLite
package import WallClock

extension FleetStore {
    /// What the numbers and lines of one device take at most.
    enum TelemetryLimits {
        static let series = 200
        /// Points of all series of a device together: 12 bytes each, so 192 KiB.
        static let points = 16_000
        /// Points of one series: at least as many as every series has room for, at most what a curve needs.
        static let pointsOfSeries = 80...240
        /// A series that got no point for so long gives its place to a new one.
        static let restSeconds: Int64 = 3_600
        /// Exports that are gathered before a device's series are written anew.
        static let freshExports = 16
        /// Bytes that they have at most.
        static let freshBytes = 64 << 10
        static let nameBytes = 256
        static let attributeBytes = 2 << 10
        static let lines = 2_000
        static let lineBytes = 512 << 10
        static let bodyBytes = 4 << 10
        static let slack = 50
    }

    /// What of an export was not kept, one number for each device of the call.
    package struct Rejected: Hashable, Sendable {
        /// Points: of series beyond the limit or with names beyond theirs, values that are no number, times before
        /// 1970 or after 2106.
        package var points: [Int]
        /// Lines that are too long.
        package var lines: [Int]
    }

    /// Writes numbers and lines of logs in one transaction: on return they are on disk, or nothing is.
    ///
    /// Points and lines that are there already are not there twice: a point by its second, a line by its id. A device
    /// keeps at most 200 series with 16,000 points, thinner the older they are (``PackedPoints``), and the newest 2,000
    /// lines, of at most 512 KiB.
    package func ingest(
        metrics: [(row: Int64, series: [MetricSeries])],
        logs: [(row: Int64, lines: [(id: String?, line: LogLine)])]
    ) throws -> Rejected {
        try database.transaction {
            Rejected(
                points: try metrics.map { try keep($0.series, of: $0.row) },
                lines: try logs.map { try keep($0.lines, of: $0.row) }
            )
        }
    }

    // MARK: Numbers

    private struct KnownSeries {
        var id: Int64
        var newest: Int64
    }

    private func keep(_ series: [MetricSeries], of row: Int64) throws -> Int {
        var known: [[UInt8]: KnownSeries] = [:]
        try database.each(Self.knownSeriesQuery, [row]) { found in
            known[found.blob(1)] = KnownSeries(id: found.integer(0), newest: found.integer(2))
            return true
        }
        var rejected = 0
        var fresh: [(id: Int64, points: [PackedPoints.Point])] = []
        for one in series {
            let points = one.points.compactMap { PackedPoints.Point($0) }
            rejected += one.points.count - points.count
            guard let newest = points.map(\.seconds).max() else { continue }
            guard let key = one.key else {
                rejected += points.count
                continue
            }
            if let there = known[key] {
                fresh.append((there.id, points))
                // A series that is in use is not taken for one at rest before it is written anew.
                known[key]?.newest = max(there.newest, Int64(newest))
            } else if try makeRoom(in: &known, for: Int64(newest)) {
                let id = try insert(one, key: key, newest: Int64(newest), of: row)
                known[key] = KnownSeries(id: id, newest: Int64(newest))
                fresh.append((id, points))
            } else {
                rejected += points.count
            }
        }
        guard !fresh.isEmpty else { return rejected }
        try database.run("INSERT INTO fresh_points (device, points) VALUES (?, ?)", row, FreshPoints.bytes(fresh))
        let isEnough = try database.first(Self.freshSizeQuery, row) { waiting in
            waiting.integer(0) >= TelemetryLimits.freshExports || waiting.integer(1) >= TelemetryLimits.freshBytes
        }
        if isEnough ?? true { try writeSeries(of: row) }
        return rejected
    }

    static let knownSeriesQuery = "SELECT id, key, newest FROM series WHERE device = ?"
    static let freshSizeQuery = "SELECT count(*), total(length(points)) FROM fresh_points WHERE device = ?"
    static let freshQuery = "SELECT points FROM fresh_points WHERE device = ? ORDER BY id"

    private func makeRoom(in known: inout [[UInt8]: KnownSeries], for newest: Int64) throws -> Bool {
        guard known.count >= TelemetryLimits.series else { return true }
        guard let oldest = known.min(by: { $0.value.newest < $1.value.newest }),
            oldest.value.newest < newest - TelemetryLimits.restSeconds
        else { return false }
        try database.run("DELETE FROM series WHERE id = ?", oldest.value.id)
        known[oldest.key] = nil
        return true
    }

    private func insert(_ series: MetricSeries, key: [UInt8], newest: Int64, of row: Int64) throws -> Int64 {
        try database.run(
            """
            INSERT INTO series (device, key, name, unit, attributes, cumulative, newest, points)
            VALUES (?, ?, ?, ?, ?, ?, ?, zeroblob(0))
            """,
            row,
            key,
            series.name,
            series.unit,
            StoredLabels.text(series.attributes),
            series.isCumulative,
            newest
        )
        return database.lastRow
    }

    private func freshPoints(of row: Int64) throws -> [Int64: [PackedPoints.Point]] {
        var fresh: [Int64: [PackedPoints.Point]] = [:]
        try database.each(Self.freshQuery, [row]) { export in
            export.withBytes(0) { FreshPoints.read($0) { id, point in fresh[id, default: []].append(point) } }
            return true
        }
        return fresh
    }

    /// Puts what has come into the series it belongs to, and thins them.
    private func writeSeries(of row: Int64) throws {
        let fresh = try freshPoints(of: row)
        let count = try database.first("SELECT count(*) FROM series WHERE device = ?", row) { Int($0.integer(0)) } ?? 0
        let limits = TelemetryLimits.pointsOfSeries
        let limit = min(max(TelemetryLimits.points / max(count, 1), limits.lowerBound), limits.upperBound)
        for (id, points) in fresh.sorted(by: { $0.key < $1.key }) {
            let stored = try database.first("SELECT points FROM series WHERE id = ? AND device = ?", id, row) {
                series in
                series.withBytes(0) { PackedPoints($0) }
            }
            // Its place was given to another in between.
            guard var packed = stored else { continue }
            packed.add(points)
            packed.thin(to: limit)
            try database.run(
                "UPDATE series SET points = ?, newest = ? WHERE id = ?",
                packed.bytes,
                Int(packed.points.last?.seconds ?? 0),
                id
            )
        }
        try database.run("DELETE FROM fresh_points WHERE device = ?", row)
    }

    /// Series of a device by name, with points no older than `since`. Nil for all names.
    package func series(of device: DeviceID, names: [String]?, since: UTCTime) throws -> [MetricSeries] {
        try database.snapshot {
            guard let row = try database.first(Self.deviceQuery, device.text, read: { $0.integer(0) }) else {
                return []
            }
            let fresh = try freshPoints(of: row)
            let wanted = names.map { Set($0) }
            var all: [MetricSeries] = []
            try database.each(Self.seriesQuery, [row]) { found in
                let name = found.text(1)
                guard wanted?.contains(name) ?? true else { return true }
                var packed = found.withBytes(5) { PackedPoints($0) }
                packed.add(fresh[found.integer(0)] ?? [])
                let points = packed.points.filter { Int64($0.seconds) >= since.seconds }
                guard !points.isEmpty else { return true }
                all.append(
                    MetricSeries(
                        name: name,
                        unit: found.text(2),
                        attributes: try StoredLabels.labels(found.text(3)),
                        isCumulative: found.boolean(4),
                        points: points.map { .init(UTCTime(seconds: Int64($0.seconds)), $0.value) }
                    )
                )
                return true
            }
            return all.sorted {
                ($0.name, StoredLabels.text($0.attributes)) < ($1.name, StoredLabels.text($1.attributes))
            }
        }
    }

    static let seriesQuery = "SELECT id, name, unit, attributes, cumulative, points FROM series WHERE device = ?"

    // MARK: Lines

    private func keep(_ lines: [(id: String?, line: LogLine)], of row: Int64) throws -> Int {
        var (rejected, added, bytes) = (0, 0, 0)
        for (id, line) in lines {
            let attributes = StoredLabels.text(line.attributes)
            guard line.body.utf8.count <= TelemetryLimits.bodyBytes,
                attributes.utf8.count <= TelemetryLimits.attributeBytes,
                id?.utf8.count ?? 0 <= TelemetryLimits.nameBytes
            else {
                rejected += 1
                continue
            }
            let size = 60 + line.body.utf8.count + attributes.utf8.count
            try database.run(
                """
                INSERT INTO log_lines (device, line, time, received, severity, body, attributes, bytes)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                """,
                row,
                id,
                line.time.seconds,
                line.received.seconds,
                line.severity,
                line.body,
                attributes,
                size
            )
            guard database.changes > 0 else { continue }
            added += 1
            bytes += size
        }
        guard added > 0 else { return rejected }
        let usage = try database.first(
            """
            INSERT INTO usage (device, lines, line_bytes) VALUES (?, ?, ?)
            ON CONFLICT (device) DO UPDATE SET lines = lines + excluded.lines,
                line_bytes = line_bytes + excluded.line_bytes
            RETURNING lines, line_bytes
            """,
            row,
            added,
            bytes
        ) { (lines: Int($0.integer(0)), bytes: Int($0.integer(1))) }
        if let usage,
            usage.lines > TelemetryLimits.lines + TelemetryLimits.slack
                || usage.bytes > TelemetryLimits.lineBytes + (64 << 10)
        {
            try dropLines(of: row)
        }
        return rejected
    }

    /// Down to the limits, oldest first.
    private func dropLines(of row: Int64) throws {
        var (count, bytes) = (0, 0)
        var gone: (time: Int64, id: Int64)?
        try database.each(Self.lineSizesQuery, [row]) { line in
            let size = Int(line.integer(2))
            guard count < TelemetryLimits.lines, bytes + size <= TelemetryLimits.lineBytes || count == 0 else {
                gone = (line.integer(0), line.integer(1))
                return false
            }
            count += 1
            bytes += size
            return true
        }
        guard let gone else { return }
        try database.run("DELETE FROM log_lines WHERE device = ? AND (time, id) <= (?, ?)", row, gone.time, gone.id)
        try database.run("UPDATE usage SET lines = ?, line_bytes = ? WHERE device = ?", count, bytes, row)
    }

    static let lineSizesQuery = "SELECT time, id, bytes FROM log_lines WHERE device = ? ORDER BY time DESC, id DESC"

    /// Newest first, by the box's clock.
    package func logLines(of device: DeviceID, limit: Int) throws -> [LogLine] {
        try database.all(Self.linesQuery, device.text, min(max(limit, 0), TelemetryLimits.lines * 2)) { row in
            LogLine(
                time: row.time(0),
                received: row.time(1),
                severity: Int(row.integer(2)),
                body: row.text(3),
                attributes: try StoredLabels.labels(row.text(4))
            )
        }
    }

    static let linesQuery = """
        SELECT time, received, severity, body, attributes FROM log_lines
        WHERE device = (SELECT row FROM devices WHERE id = ?) ORDER BY time DESC, id DESC LIMIT ?
        """
}

extension MetricSeries {
    /// What tells it from others of its device; nil where its names are too long.
    fileprivate var key: [UInt8]? {
        let text = StoredLabels.text(attributes)
        guard name.utf8.count <= FleetStore.TelemetryLimits.nameBytes,
            unit.utf8.count <= FleetStore.TelemetryLimits.nameBytes,
            text.utf8.count <= FleetStore.TelemetryLimits.attributeBytes
        else { return nil }
        let value: JSONValue = [.string(name), .string(unit), .boolean(isCumulative), .string(text)]
        return SHA256.digest(value.compactBytes()).bytes
    }
}

extension PackedPoints.Point {
    fileprivate init?(_ point: MetricSeries.Point) {
        guard let seconds = UInt32(exactly: point.time.seconds), point.value.isFinite else { return nil }
        self.init(seconds: seconds, value: point.value)
    }
}

/// Points of several series in one blob: for each the series' number (8 bytes), seconds (4) and value (8), little-endian.
enum FreshPoints {
    private static let size = 20

    static func bytes(_ fresh: [(id: Int64, points: [PackedPoints.Point])]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(fresh.reduce(0) { $0 + $1.points.count } * size)
        for (id, points) in fresh {
            for point in points {
                withUnsafeBytes(of: id.littleEndian) { bytes.append(contentsOf: $0) }
                withUnsafeBytes(of: point.seconds.littleEndian) { bytes.append(contentsOf: $0) }
                withUnsafeBytes(of: point.value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    static func read(_ bytes: UnsafeRawBufferPointer, _ each: (Int64, PackedPoints.Point) -> Void) {
        var offset = 0
        while offset + size <= bytes.count {
            let id = Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int64.self))
            let seconds = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self))
            let value = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 12, as: UInt64.self))
            each(id, PackedPoints.Point(seconds: seconds, value: Double(bitPattern: value)))
            offset += size
        }
    }
}
