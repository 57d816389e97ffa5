internal import Deployment
internal import Diagnostics
package import Digest
internal import FleetProtocol
internal import JSON
internal import SQLite
package import WallClock

extension FleetStore {
    /// Keeps a new token; `id` and `usesLeft` of what is given don't matter. Returns it as it stands, with its number.
    package func createToken(
        _ token: TokenRecord,
        secretDigest: SHA256Digest,
        by: String,
        at: UTCTime
    ) throws -> TokenRecord {
        try Self.check(labels: token.labels)
        guard (1...1_000_000).contains(token.uses) else {
            throw FleetStoreError.invalid("a token is for 1 to 1000000 devices, not \(token.uses)")
        }
        return try database.transaction {
            try database.run(
                """
                INSERT INTO tokens (secret, created, created_by, expires, uses, uses_left, channel, repository, root,
                    labels)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                secretDigest.bytes,
                at.seconds,
                by,
                token.expires.seconds,
                token.uses,
                token.uses,
                token.channel?.rawValue,
                token.repository,
                token.rootDigest?.bytes,
                StoredLabels.text(token.labels)
            )
            var kept = token
            kept.id = database.lastRow
            kept.created = at
            kept.createdBy = by
            kept.usesLeft = token.uses
            kept.isRevoked = false
            var detail: JSONObject = ["uses": .integer(token.uses), "expires": .string(token.expires.description)]
            if let channel = token.channel { detail["channel"] = .string(channel.rawValue) }
            if let repository = token.repository { detail["repository"] = .string(repository) }
            if let root = token.rootDigest { detail["root"] = .string(root.hex) }
            if !token.labels.isEmpty { detail["labels"] = .labels(token.labels) }
            try note("token.create", of: String(kept.id), by: by, detail: detail, at: at)
            return kept
        }
    }

    /// All that were ever made, oldest first.
    package func tokens() throws -> [TokenRecord] {
        try database.all("SELECT \(Self.tokenColumns) FROM tokens ORDER BY id") { try TokenRecord($0) }
    }

    /// From now on nothing enrols with it. Devices that have stay enrolled.
    package func revokeToken(_ id: Int64, by: String, reason: String, at: UTCTime) throws {
        try Self.check(text: reason, "reason")
        try database.transaction {
            guard
                let isRevoked = try database.first(
                    "SELECT revoked FROM tokens WHERE id = ?",
                    id,
                    read: { $0.boolean(0) }
                )
            else { throw FleetStoreError.unknownToken(id) }
            guard !isRevoked else { throw FleetStoreError.wrongState("token \(id) has been revoked already") }
            try database.run("UPDATE tokens SET revoked = 1 WHERE id = ?", id)
            try note("token.revoke", of: String(id), by: by, reason: reason, at: at)
        }
    }

    static let tokenColumns = """
        id, created, created_by, expires, uses, uses_left, revoked, channel, repository, root, labels
        """

    func token(secretDigest: SHA256Digest) throws -> TokenRecord? {
        try database.first(Self.tokenQuery, secretDigest.bytes) { try TokenRecord($0) }
    }

    static let tokenQuery = "SELECT \(tokenColumns) FROM tokens WHERE secret = ?"

    /// A text of an operator: a reason, a name.
    static func check(text: String, _ what: String) throws {
        guard text.utf8.count <= 4 << 10 else {
            throw FleetStoreError.invalid("the \(what) has more than 4 KiB")
        }
    }

    static func check(labels: [String: String]) throws {
        guard labels.count <= FleetLimits.labels else {
            throw FleetStoreError.invalid("a device has at most \(FleetLimits.labels) labels")
        }
        for (name, value) in labels {
            guard let label = LabelName(name) else {
                throw FleetStoreError.invalid("\(name.quotedName) is no name of a label")
            }
            guard !label.isLocal else {
                throw FleetStoreError.invalid(
                    "the label \(name.quotedName) is the box's own: only the box sets local.*"
                )
            }
            guard LabelValue(value) != nil else {
                throw FleetStoreError.invalid("\(value.quotedName) is no value of a label")
            }
        }
    }
}

extension TokenRecord {
    fileprivate init(_ row: borrowing Row) throws {
        self.init(
            id: row.integer(0),
            created: row.time(1),
            createdBy: row.text(2),
            expires: row.time(3),
            uses: Int(row.integer(4)),
            usesLeft: Int(row.integer(5)),
            isRevoked: row.boolean(6),
            channel: row.optionalText(7).flatMap { Channel(rawValue: $0) },
            repository: row.optionalText(8),
            rootDigest: row.isNull(9) ? nil : row.digest(9),
            labels: try StoredLabels.labels(row.text(10))
        )
    }
}
