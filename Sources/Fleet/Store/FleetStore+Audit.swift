package import Digest
internal import JSON
internal import SQLite
internal import WallClock

/// What a look at the whole audit came to.
package enum AuditVerdict: Hashable, Sendable {
    /// Nothing is missing or changed. Whoever notes the head elsewhere can tell later that this audit continues it.
    case whole(count: Int, head: SHA256Digest)
    /// The first line that can't be so, and why.
    case broken(number: Int64, why: String)
}

extension AuditRecord {
    /// SHA-256 of the canonical JSON (RFC 8785) of `[previous, number, time, actor, action, subject, reason, detail]`,
    /// digests as hex and the time in our notation.
    static func digest(
        previous: SHA256Digest,
        number: Int64,
        time: UTCTime,
        actor: String,
        action: String,
        subject: String,
        reason: String,
        detail: String
    ) throws -> SHA256Digest {
        let value: JSONValue = [
            .string(previous.hex), .integer(number), .string(time.description), .string(actor), .string(action),
            .string(subject), .string(reason), .string(detail),
        ]
        return SHA256.digest(try value.canonicalBytes())
    }

    /// What the first line holds as the digest of the one before.
    static let beginning = SHA256Digest(hex: String(repeating: "0", count: 64)) ?? SHA256.digest([])
}

extension FleetStore {
    /// Adds a line; inside the transaction of what it tells of, so that there is neither without the other.
    func note(
        _ action: String,
        of subject: String,
        by actor: String,
        reason: String = "",
        detail: JSONObject = [:],
        at time: UTCTime
    ) throws {
        try database.transaction {
            guard let (last, previous) = try auditHead() else {
                throw FleetStoreError.damaged("the end of the audit is not there")
            }
            let number = last + 1
            let detail = String(decoding: try JSONValue.object(detail).canonicalBytes(), as: UTF8.self)
            let digest = try AuditRecord.digest(
                previous: previous,
                number: number,
                time: time,
                actor: actor,
                action: action,
                subject: subject,
                reason: reason,
                detail: detail
            )
            try database.run(
                "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                number,
                time.seconds,
                actor,
                action,
                subject,
                reason,
                detail,
                previous.bytes,
                digest.bytes
            )
            try database.run("UPDATE audit_head SET number = ?, digest = ? WHERE one = 1", number, digest.bytes)
        }
    }

    private func auditHead() throws -> (number: Int64, digest: SHA256Digest)? {
        try database.first("SELECT number, digest FROM audit_head WHERE one = 1") { row in
            row.digest(1).map { (row.integer(0), $0) }
        } ?? nil
    }

    /// Lines with numbers above `after`, in their order.
    package func audit(after: Int64, limit: Int) throws -> [AuditRecord] {
        try database.all(Self.auditQuery, after, min(max(limit, 0), 1_000_000)) { row in
            guard let record = AuditRecord(row) else {
                throw FleetStoreError.damaged("line \(row.integer(0)) of the audit")
            }
            return record
        }
    }

    static let auditQuery = """
        SELECT number, time, actor, action, subject, reason, detail, previous, digest FROM audit
        WHERE number > ? ORDER BY number LIMIT ?
        """

    /// Goes through the whole audit: every line's digest over the line and the digest of the one before.
    ///
    /// It finds what was changed, taken out, put in or moved. Whoever can write to the file could also make a new chain
    /// from some line on: against that, compare the head with one noted elsewhere.
    package func verifyAudit() throws -> AuditVerdict {
        try database.snapshot {
            var expected: Int64 = 1
            var previous = AuditRecord.beginning
            var problem: (Int64, String)?
            try database.each(Self.auditQuery, [Int64.min, -1]) { row in
                let number = row.integer(0)
                if number > expected {
                    problem = (expected, "it is missing")
                } else if number < expected {
                    problem = (number, "it comes before the first")
                } else if let record = AuditRecord(row) {
                    if record.previous != previous {
                        problem = (number, "it does not follow the line before it")
                    } else if try record.computedDigest() != record.digest || record.time.isBeyondNotation {
                        problem = (number, "it is not what was written: its digest is another")
                    }
                    previous = record.digest
                } else {
                    problem = (number, "its digests are none")
                }
                expected += 1
                return problem == nil
            }
            if let (number, why) = problem { return .broken(number: number, why: why) }
            guard let (number, digest) = try auditHead() else {
                return .broken(number: expected, why: "the note of where the audit ends is missing")
            }
            if number >= expected { return .broken(number: expected, why: "it is missing, as all up to \(number)") }
            if number < expected - 1 { return .broken(number: number + 1, why: "it was put in behind the end") }
            guard digest == previous else {
                return .broken(number: number, why: "the note of where the audit ends names another digest")
            }
            return .whole(count: Int(number), head: digest)
        }
    }
}

extension AuditRecord {
    fileprivate init?(_ row: borrowing Row) {
        guard let previous = row.digest(7), let digest = row.digest(8) else { return nil }
        self.init(
            number: row.integer(0),
            time: row.time(1),
            actor: row.text(2),
            action: row.text(3),
            subject: row.text(4),
            reason: row.text(5),
            detail: row.text(6),
            previous: previous,
            digest: digest
        )
    }

    fileprivate func computedDigest() throws -> SHA256Digest {
        try Self.digest(
            previous: previous,
            number: number,
            time: time,
            actor: actor,
            action: action,
            subject: subject,
            reason: reason,
            detail: detail
        )
    }
}

extension UTCTime {
    /// Whether its text stands for another moment.
    fileprivate var isBeyondNotation: Bool { UTCTime(description) != self }
}

extension Row {
    func digest(_ column: Int) -> SHA256Digest? { withBytes(column) { SHA256Digest(bytes: $0) } }

    func time(_ column: Int) -> UTCTime { UTCTime(seconds: integer(column)) }

    func optionalTime(_ column: Int) -> UTCTime? { isNull(column) ? nil : time(column) }
}
