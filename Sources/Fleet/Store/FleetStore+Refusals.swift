internal import FleetProtocol
internal import SQLite
package import WallClock

extension FleetStore {
    enum RefusalLimits {
        /// Rows of one hour; what comes beyond is counted without naming the device.
        static let rowsPerHour = 1_000
        static let days: Int64 = 30
        static let textBytes = 512
        static let deviceBytes = 128
    }

    /// Counts a refused request under its hour, code and device. ``RefusalRecord/count`` is how often it happened since
    /// the last note. On disk when it returns, so gather what comes often.
    package func note(_ refusal: RefusalRecord) throws { try note([refusal]) }

    /// Several in one transaction.
    package func note(_ refusals: [RefusalRecord]) throws {
        guard !refusals.isEmpty else { return }
        try database.transaction {
            for refusal in refusals { try count(refusal) }
            guard let newest = refusals.map(\.last.seconds).max() else { return }
            let (oldest, overflow) = newest.subtractingReportingOverflow(RefusalLimits.days * 86_400)
            if !overflow { try database.run("DELETE FROM refusals WHERE hour < ?", oldest) }
        }
    }

    private func count(_ refusal: RefusalRecord) throws {
        let hour = refusal.hour.seconds
        var device = (refusal.device ?? "").prefix(bytes: RefusalLimits.deviceBytes)
        let isThere = try database.first(
            "SELECT 1 FROM refusals WHERE hour = ? AND code = ? AND device = ?",
            hour,
            refusal.code.rawValue,
            device,
            read: { _ in true }
        )
        if isThere == nil {
            let rows = try database.first(Self.refusalCountQuery, hour) { $0.integer(0) } ?? 0
            if rows >= RefusalLimits.rowsPerHour { device = "" }
        }
        try database.run(
            """
            INSERT INTO refusals (hour, code, device, count, last, address, sentence) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (hour, code, device) DO UPDATE SET count = min(count + excluded.count, 1000000000000),
                last = max(last, excluded.last), address = excluded.address, sentence = excluded.sentence
            """,
            hour,
            refusal.code.rawValue,
            device,
            min(max(refusal.count, 1), 1_000_000_000),
            refusal.last.seconds,
            refusal.address.prefix(bytes: RefusalLimits.textBytes),
            refusal.sentence.prefix(bytes: RefusalLimits.textBytes)
        )
    }

    static let refusalCountQuery = "SELECT count(*) FROM refusals WHERE hour = ?"

    /// Of hours that had not ended at `since`: the newest first.
    package func refusals(since: UTCTime) throws -> [RefusalRecord] {
        let (from, overflow) = since.seconds.subtractingReportingOverflow(3_599)
        return try database.all(Self.refusalsQuery, overflow ? .min : from) { row -> RefusalRecord? in
            guard let code = FleetProblem.Code(rawValue: row.text(1)) else { return nil }
            let device = row.text(2)
            return RefusalRecord(
                code: code,
                hour: row.time(0),
                count: Int(row.integer(3)),
                last: row.time(4),
                address: row.text(5),
                device: device.isEmpty ? nil : device,
                sentence: row.text(6)
            )
        }.compactMap { $0 }
    }

    static let refusalsQuery = """
        SELECT hour, code, device, count, last, address, sentence FROM refusals WHERE hour >= ?
        ORDER BY last DESC, hour DESC, code, device LIMIT 10000
        """
}

extension String {
    /// The beginning, of so many bytes at most, cut between characters of Unicode.
    fileprivate func prefix(bytes: Int) -> String {
        guard utf8.count > bytes else { return self }
        var end = utf8.index(startIndex, offsetBy: bytes)
        while end > startIndex, end.samePosition(in: unicodeScalars) == nil {
            end = utf8.index(before: end)
        }
        return String(self[..<end])
    }
}
