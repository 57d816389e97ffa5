internal import Deployment
internal import Digest
package import FleetProtocol
internal import SQLite
package import WallClock

extension CheckInReply {
    /// What the database has to say in the answer to a check-in.
    package struct Inputs: Hashable, Sendable {
        /// What operators gave the device; all of it.
        package var labels: [String: String]
        /// Where it stood when the check-in was written. Of a device that isn't enrolled nothing was written.
        package var membership: Membership
        /// Whether what it says of the box is not newer than what is known, so that only its events counted.
        package var isDuplicate: Bool

        package init(labels: [String: String], membership: Membership, isDuplicate: Bool) {
            self.labels = labels
            self.membership = membership
            self.isDuplicate = isDuplicate
        }
    }
}

extension FleetStore {
    /// A check-in that came, of the device whose certificate was shown.
    package struct Received: Sendable {
        package var checkIn: CheckIn
        /// The device's, as ``FleetStore/standing(ofCertificate:)`` gives it.
        package var row: Int64
        package var at: UTCTime
        package var address: String

        package init(checkIn: CheckIn, row: Int64, at: UTCTime, address: String) {
            self.checkIn = checkIn
            self.row = row
            self.at = at
            self.address = address
        }
    }

    /// Writes all of them in one transaction: on return they are on disk, or nothing is. One answer for each.
    ///
    /// Sent twice, a check-in counts once: a snapshot is applied where its sequence is above the one that is known
    /// (it rises for the life of an enrolment), and an event where it isn't there. That a box spoke at all is noted
    /// either way.
    package func ingest(_ received: [Received]) throws -> [CheckInReply.Inputs] {
        try database.transaction { try received.map { try apply($0) } }
    }

    private func apply(_ received: Received) throws -> CheckInReply.Inputs {
        let known = try database.first(Self.ingestQuery, received.row) { row in
            guard let membership = Membership(rawValue: row.text(0)) else {
                throw FleetStoreError.damaged("how device \(received.row) belongs to the fleet")
            }
            return (membership: membership, epoch: row.integer(1), labels: try StoredLabels.labels(row.text(2)))
        }
        guard let known else { throw FleetStoreError.damaged("there is no device \(received.row)") }
        guard known.membership == .enrolled else {
            return CheckInReply.Inputs(labels: known.labels, membership: known.membership, isDuplicate: false)
        }
        let old = try storedReport(of: received.row)
        let checkIn = received.checkIn
        let isNewer = old.map { checkIn.sequence > $0.sequence } ?? true
        let gap = old.map { DeviceReport.longestSilence(interval: $0.interval) } ?? 0
        let hadGap =
            old.map { received.at.seconds.subtractingReportingOverflow($0.lastSeen.seconds) }
            .map { $0.overflow || $0.partialValue > gap } ?? true
        var report = DeviceReport(
            checkIn,
            lastSeen: received.at,
            reachableSince: hadGap ? received.at : old?.reachableSince ?? received.at,
            address: received.address
        )
        if isNewer {
            try writeSeen(report, of: received.row)
            if old.map({ !$0.hasSameContents(as: report) }) ?? true { try writeReport(report, of: received.row) }
            try apply(checkIn.endpoints, of: received.row, at: received.at)
        } else if var old {
            old.lastSeen = report.lastSeen
            old.reachableSince = report.reachableSince
            old.address = report.address
            report = old
            try writeSeen(report, of: received.row)
        }
        try keep(checkIn.events, of: received.row, epoch: known.epoch, at: received.at)
        return CheckInReply.Inputs(labels: known.labels, membership: known.membership, isDuplicate: !isNewer)
    }

    static let ingestQuery = "SELECT membership, epoch, labels FROM devices WHERE row = ?"

    private func writeSeen(_ report: DeviceReport, of row: Int64) throws {
        try database.run(
            """
            INSERT INTO seen (device, seen, since, address, boot, sequence, time, trusted, uptime)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (device) DO UPDATE SET seen = excluded.seen, since = excluded.since,
                address = excluded.address, boot = excluded.boot, sequence = excluded.sequence, time = excluded.time,
                trusted = excluded.trusted, uptime = excluded.uptime
            """,
            row,
            report.lastSeen.seconds,
            report.reachableSince.seconds,
            report.address,
            report.boot,
            report.sequence,
            report.moment.time.seconds,
            report.moment.isTrusted,
            report.facts.uptime
        )
    }

    private func writeReport(_ report: DeviceReport, of row: Int64) throws {
        try database.run(
            """
            INSERT OR REPLACE INTO reports (device, interval, agent, machine, kernel, system, processors, memory, channel,
                labels, metadata_version, metadata_verified, metadata_source, sync_waiting, sync_sentence, sync_since,
                lost_records, lost_bytes)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            row,
            report.interval,
            report.facts.agent,
            report.facts.machine,
            report.facts.kernel,
            report.facts.system,
            report.facts.processors,
            report.facts.memoryBytes,
            report.channel?.rawValue,
            StoredLabels.text(report.labels),
            report.metadata?.timestampVersion,
            report.metadata?.verified.seconds,
            report.metadata?.source,
            report.sync?.waitingFor,
            report.sync?.sentence,
            report.sync?.since.seconds,
            report.lost.records,
            report.lost.bytes
        )
    }

    private func apply(_ reports: [EndpointReport], of row: Int64, at: UTCTime) throws {
        let known = try storedEndpoints(of: row)
        for report in reports {
            let before = known.first { $0.report.name == report.name }
            let converged = EndpointJudgement.converged(report)
            let healthy = EndpointJudgement.healthy(report, before: before?.report, was: before?.healthy)
            var record = EndpointRecord(
                report: report,
                converged: converged,
                convergedSince: at,
                healthy: healthy,
                healthySince: at
            )
            if let before {
                if before.converged == converged { record.convergedSince = before.convergedSince }
                if before.healthy == healthy { record.healthySince = before.healthySince }
            }
            if record != before { try write(record, of: row) }
        }
        for gone in known where !reports.contains(where: { $0.name == gone.report.name }) {
            try database.run("DELETE FROM endpoints WHERE device = ? AND name = ?", row, gone.report.name.text)
        }
    }

    private func write(_ record: EndpointRecord, of row: Int64) throws {
        let report = record.report
        var values: [(any SQLBindable)?] = [row, report.name.text, report.listen]
        for bundle in [report.running, report.wanted, report.previous] {
            values += [bundle?.digest.bytes, bundle?.name, bundle?.version, bundle?.serial]
        }
        values += [report.state, report.since?.seconds, report.result, report.sentence, report.containment]
        let counters = report.counters
        values += [counters?.requests, counters?.errors, counters?.restarts]
        values += [counters?.p50Microseconds, counters?.p99Microseconds]
        values += [record.converged, record.convergedSince.seconds, record.healthy, record.healthySince.seconds]
        try database.run(Self.writeEndpoint, values)
    }

    private static let writeEndpoint =
        "INSERT OR REPLACE INTO endpoints VALUES (" + Array(repeating: "?", count: 29).joined(separator: ", ") + ")"
}

extension DeviceReport {
    /// Seconds after which a box that said nothing is no longer taken to be reporting.
    static func longestSilence(interval: Int) -> Int64 { 3 * Int64(interval) + 30 }

    /// Whether all that stands in the table of reports is the same.
    fileprivate func hasSameContents(as other: DeviceReport) -> Bool {
        var other = other
        other.lastSeen = lastSeen
        other.reachableSince = reachableSince
        other.boot = boot
        other.sequence = sequence
        other.moment = moment
        other.facts.uptime = facts.uptime
        other.address = address
        return self == other
    }
}
