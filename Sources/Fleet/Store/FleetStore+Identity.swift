package import Deployment
internal import Diagnostics
package import Digest
internal import FleetProtocol
internal import JSON
internal import SQLite
package import WallClock

extension FleetStore {
    /// A certificate that has just been made, as the fleet keeps it.
    package struct NewCertificate: Hashable, Sendable {
        /// SHA-256 of the certificate (DER).
        package var fingerprint: SHA256Digest
        package var notAfter: UTCTime
        /// For the box; not kept.
        package var pem: String

        package init(fingerprint: SHA256Digest, notAfter: UTCTime, pem: String) {
            self.fingerprint = fingerprint
            self.notAfter = notAfter
            self.pem = pem
        }
    }

    /// Certificates of one device that are remembered; older ones are unknown then.
    static let certificatesPerDevice = 32

    private struct Member {
        var row: Int64
        var membership: Membership
        var labels: [String: String]
    }

    private func member(_ device: DeviceID) throws -> Member? {
        try database.first(Self.memberQuery, device.text) { row in
            guard let membership = Membership(rawValue: row.text(1)) else {
                throw FleetStoreError.damaged("how \(device) belongs to the fleet")
            }
            return Member(row: row.integer(0), membership: membership, labels: try StoredLabels.labels(row.text(2)))
        }
    }

    static let memberQuery = "SELECT row, membership, labels FROM devices WHERE id = ?"

    /// Has a device join. `issue` makes the certificate inside the transaction: what it throws undoes all of it.
    ///
    /// A device that is enrolled and comes again with one of its keys gets a new certificate, and the token keeps its
    /// uses: it may have lost our first answer. With another key the id is taken. A revoked device stays out until it
    /// is decommissioned, which frees the id: then it begins anew, with the history of the id kept.
    /// Throws ``FleetProblem`` for `token_*`, `device_taken` and `device_revoked`.
    package func enrol(
        _ device: DeviceID,
        keyDigest: SHA256Digest,
        secretDigest: SHA256Digest,
        at: UTCTime,
        issue: (TokenRecord) throws -> NewCertificate
    ) throws -> (token: TokenRecord, certificate: NewCertificate, labels: [String: String]) {
        try database.transaction {
            guard var token = try token(secretDigest: secretDigest) else {
                throw FleetProblem(
                    .tokenUnknown,
                    "the fleet does not know this token",
                    hint: "make one with `edgefleet token create`"
                )
            }
            let another = "make another with `edgefleet token create`"
            if token.isRevoked { throw FleetProblem(.tokenRevoked, "token \(token.id) was revoked", hint: another) }
            guard at < token.expires else {
                throw FleetProblem(.tokenExpired, "token \(token.id) expired at \(token.expires)", hint: another)
            }
            let member = try member(device)
            if member?.membership == .revoked {
                throw FleetProblem(
                    .deviceRevoked,
                    "\(device) was revoked",
                    hint: "`edgefleet device decommission \(device)` frees the id"
                )
            }
            if let member, member.membership == .enrolled {
                guard try isKey(keyDigest, of: member.row) else {
                    throw FleetProblem(
                        .deviceTaken,
                        "\(device) is enrolled with another key",
                        hint: "give the box another id, or free this one with `edgefleet device decommission \(device)`"
                    )
                }
                try checkRate(of: device, member.row, at: at)
                let certificate = try issue(token)
                // Its spool may be a new one, whose numbers begin anew.
                try database.run("UPDATE devices SET epoch = epoch + 1 WHERE row = ?", member.row)
                try database.run("UPDATE seen SET sequence = -1 WHERE device = ?", member.row)
                try keep(certificate, key: keyDigest, of: member.row, at: at)
                try note(event: "enrolled", of: member.row, "enrolled again with its key", at: at)
                let detail: JSONObject = ["token": .integer(token.id), "again": true]
                try note("device.enrol", of: device, certificate, key: keyDigest, detail: detail, at: at)
                return (token, certificate, member.labels)
            }
            guard token.usesLeft > 0 else {
                throw FleetProblem(
                    .tokenUsedUp,
                    "token \(token.id) was for \(token.uses) device\(token.uses == 1 ? "" : "s"), and is used up",
                    hint: another
                )
            }
            token.usesLeft -= 1
            try database.run("UPDATE tokens SET uses_left = uses_left - 1 WHERE id = ?", token.id)
            let certificate = try issue(token)
            let row = try admit(device, again: member?.row, with: token, at: at)
            try keep(certificate, key: keyDigest, of: row, at: at)
            try note(event: "enrolled", of: row, "enrolled with token \(token.id)", at: at)
            let detail: JSONObject = ["token": .integer(token.id)]
            try note("device.enrol", of: device, certificate, key: keyDigest, detail: detail, at: at)
            return (token, certificate, token.labels)
        }
    }

    /// For the audit, which has a line for every certificate that was ever issued.
    private func note(
        _ action: String,
        of device: DeviceID,
        _ certificate: NewCertificate,
        key: SHA256Digest,
        detail: JSONObject,
        at: UTCTime
    ) throws {
        var detail = detail
        detail["key"] = .string(key.hex)
        detail["certificate"] = .string(certificate.fingerprint.hex)
        try note(action, of: device.text, by: "device:\(device)", detail: detail, at: at)
    }

    /// Throws where a device has as many certificates as are remembered, and all of them are good still: a box has two.
    ///
    /// That bounds the audit, which nothing is taken from; and who has stolen a key can't have the box's own certificate
    /// forgotten by asking for others.
    private func checkRate(of device: DeviceID, _ row: Int64, at: UTCTime) throws {
        let isTooOften = try database.first(Self.oldestCertificateQuery, row) { $0.integer(0) > at.seconds }
        guard isTooOften == true else { return }
        throw FleetProblem(
            .tooMany,
            "\(device) has \(Self.certificatesPerDevice) certificates, and all of them are good still",
            hint: "find out why it asks for more; if it was copied, revoke it with `edgefleet device revoke \(device)`"
        )
    }

    /// Of those that are remembered, where there are as many as may be.
    static let oldestCertificateQuery = """
        SELECT not_after FROM certificates WHERE device = ? ORDER BY number DESC
        LIMIT 1 OFFSET \(certificatesPerDevice - 1)
        """

    private func isKey(_ key: SHA256Digest, of row: Int64) throws -> Bool {
        try database.first("SELECT 1 FROM certificates WHERE device = ? AND key = ?", row, key.bytes) { _ in true }
            ?? false
    }

    /// The row of a device that has just enrolled, without anything of the box that had its id before but events.
    private func admit(_ device: DeviceID, again: Int64?, with token: TokenRecord, at: UTCTime) throws -> Int64 {
        let labels = StoredLabels.text(token.labels)
        guard let row = again else {
            try database.run(
                "INSERT INTO devices (id, membership, enrolled, epoch, token, labels) VALUES (?, 'enrolled', ?, 1, ?, ?)",
                device.text,
                at.seconds,
                token.id,
                labels
            )
            return database.lastRow
        }
        try database.run(
            """
            UPDATE devices SET membership = 'enrolled', enrolled = ?, epoch = epoch + 1, token = ?, labels = ?
            WHERE row = ?
            """,
            at.seconds,
            token.id,
            labels,
            row
        )
        for table in ["certificates", "seen", "reports", "endpoints", "series", "fresh_points", "log_lines"] {
            try database.run("DELETE FROM \(table) WHERE device = ?", row)
        }
        try database.run("UPDATE usage SET lines = 0, line_bytes = 0 WHERE device = ?", row)
        return row
    }

    private func keep(_ certificate: NewCertificate, key: SHA256Digest, of row: Int64, at: UTCTime) throws {
        try database.run(
            """
            INSERT INTO certificates (fingerprint, device, number, key, issued, not_after)
            VALUES (?1, ?2, (SELECT coalesce(max(number), 0) + 1 FROM certificates WHERE device = ?2), ?3, ?4, ?5)
            """,
            certificate.fingerprint.bytes,
            row,
            key.bytes,
            at.seconds,
            certificate.notAfter.seconds
        )
        try database.run(
            """
            DELETE FROM certificates WHERE device = ?1
            AND number <= (SELECT max(number) FROM certificates WHERE device = ?1) - \(Self.certificatesPerDevice)
            """,
            row
        )
    }

    /// A new certificate for one that the fleet knows, expired or not. Throws ``FleetProblem`` for a certificate that
    /// isn't the device's, and for a device that was revoked or decommissioned.
    package func renew(
        _ device: DeviceID,
        oldFingerprint: SHA256Digest,
        keyDigest: SHA256Digest,
        at: UTCTime,
        issue: () throws -> NewCertificate
    ) throws -> NewCertificate {
        try database.transaction {
            guard let standing = try standing(ofCertificate: oldFingerprint), standing.device == device else {
                throw FleetProblem(.certificateUnknown, "the fleet does not know this certificate of \(device)")
            }
            switch standing.membership {
            case .enrolled: break
            case .revoked: throw FleetProblem(.deviceRevoked, "\(device) was revoked")
            case .decommissioned:
                throw FleetProblem(
                    .deviceDecommissioned,
                    "\(device) was taken out of the fleet",
                    hint: "enrol it again with a new token"
                )
            }
            try checkRate(of: device, standing.row, at: at)
            let certificate = try issue()
            try keep(certificate, key: keyDigest, of: standing.row, at: at)
            try note(event: "renewed", of: standing.row, "certificate until \(certificate.notAfter)", at: at)
            try note("device.renew", of: device, certificate, key: keyDigest, detail: [:], at: at)
            return certificate
        }
    }

    /// Whose certificate it is, and how that device stands; nil where the fleet doesn't know it.
    package func standing(
        ofCertificate fingerprint: SHA256Digest
    ) throws -> (device: DeviceID, row: Int64, membership: Membership)? {
        try database.first(Self.standingQuery, fingerprint.bytes) { row in
            guard let membership = Membership(rawValue: row.text(2)) else {
                throw FleetStoreError.damaged("how a device belongs to the fleet")
            }
            return (try DeviceID(stored: row.text(0)), row.integer(1), membership)
        }
    }

    static let standingQuery = """
        SELECT d.id, d.row, d.membership FROM certificates c JOIN devices d ON d.row = c.device WHERE c.fingerprint = ?
        """

    /// Keeps a device out: its certificates count no more, and its id stays taken.
    package func revoke(_ device: DeviceID, reason: String, by: String, at: UTCTime) throws {
        try leave(device, .revoked, from: [.enrolled], action: "device.revoke", reason: reason, by: by, at: at)
    }

    /// Takes a device out of the fleet and frees its id for a new enrolment. What is known of it stays until then.
    package func decommission(_ device: DeviceID, reason: String, by: String, at: UTCTime) throws {
        let states: [Membership] = [.enrolled, .revoked]
        try leave(device, .decommissioned, from: states, action: "device.decommission", reason: reason, by: by, at: at)
    }

    private func leave(
        _ device: DeviceID,
        _ membership: Membership,
        from states: [Membership],
        action: String,
        reason: String,
        by: String,
        at: UTCTime
    ) throws {
        try Self.check(text: reason, "reason")
        try database.transaction {
            guard let member = try member(device) else { throw FleetStoreError.unknownDevice(device.text) }
            guard states.contains(member.membership) else {
                throw FleetStoreError.wrongState("\(device) is \(member.membership.rawValue) already")
            }
            try database.run("UPDATE devices SET membership = ? WHERE row = ?", membership.rawValue, member.row)
            let sentence = "\(membership.rawValue) by \(by)" + (reason.isEmpty ? "" : ": \(reason)")
            try note(event: membership.rawValue, of: member.row, sentence, at: at)
            try note(action, of: device.text, by: by, reason: reason, at: at)
        }
    }

    /// Changes what operators say of a device; returns all of it.
    package func label(
        _ device: DeviceID,
        set: [String: String],
        remove: [String],
        by: String,
        at: UTCTime
    ) throws -> [String: String] {
        try database.transaction {
            guard let member = try member(device) else { throw FleetStoreError.unknownDevice(device.text) }
            var labels = member.labels
            for name in remove { labels[name] = nil }
            labels.merge(set) { _, new in new }
            try Self.check(labels: labels)
            guard labels != member.labels else { return labels }
            try database.run("UPDATE devices SET labels = ? WHERE row = ?", StoredLabels.text(labels), member.row)
            let removed = Set(remove).subtracting(set.keys).filter { member.labels[$0] != nil }.sorted()
            let changed = set.filter { member.labels[$0.key] != $0.value }
            let words = changed.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" } + removed.map { "no \($0)" }
            try note(event: "labelled", of: member.row, words.joined(separator: ", ") + " by \(by)", at: at)
            try note(
                "device.label",
                of: device.text,
                by: by,
                detail: ["set": .labels(changed), "removed": .array(removed.map { .string($0) })],
                at: at
            )
            return labels
        }
    }

    /// Newest first.
    package func certificates(
        of device: DeviceID
    ) throws -> [(fingerprint: SHA256Digest, issued: UTCTime, notAfter: UTCTime)] {
        try database.all(Self.certificatesQuery, device.text) { row in
            guard let fingerprint = row.digest(0) else { throw FleetStoreError.damaged("a certificate of \(device)") }
            return (fingerprint, row.time(1), row.time(2))
        }
    }

    static let certificatesQuery = """
        SELECT fingerprint, issued, not_after FROM certificates
        WHERE device = (SELECT row FROM devices WHERE id = ?) ORDER BY number DESC
        """
}
