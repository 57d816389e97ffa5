internal import SQLite

/// The tables of `fleet.db`, and how an older file becomes one of today.
///
/// Times are seconds since 1970 by the fleet's clock, where nothing else is said; digests are 32 bytes; labels and
/// attributes are objects of JSON. What a box says is data in columns, and never part of a statement.
enum FleetSchema {
    /// Step n makes a database of version n + 1 of one of version n; a new file goes through all of them. A step is
    /// never changed once it was released.
    static let steps = [first]

    static var version: Int { steps.count }

    /// Brings the file to today's version, each step whole or not at all.
    static func prepare(_ database: Database) throws {
        guard try database.userVersion != version else { return }
        try database.transaction {
            // Read again: another process may have been faster.
            let found = try database.userVersion
            guard found >= 0, found <= version else {
                throw FleetStoreError.newerSchema(path: database.path, found: found, known: version)
            }
            for step in found..<version { try database.script(steps[step]) }
            try database.setUserVersion(version)
        }
    }

    private static let first = """
        CREATE TABLE tokens (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            secret BLOB NOT NULL UNIQUE CHECK (length(secret) = 32), -- its digest: the secret is kept nowhere
            created INTEGER NOT NULL,
            created_by TEXT NOT NULL,
            expires INTEGER NOT NULL,
            uses INTEGER NOT NULL CHECK (uses >= 0),
            uses_left INTEGER NOT NULL CHECK (uses_left BETWEEN 0 AND uses),
            revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
            channel TEXT,
            repository TEXT,
            root BLOB CHECK (length(root) = 32),
            labels TEXT NOT NULL
        ) STRICT;

        CREATE TABLE devices (
            row INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            membership TEXT NOT NULL CHECK (membership IN ('enrolled', 'revoked', 'decommissioned')),
            enrolled INTEGER NOT NULL,
            epoch INTEGER NOT NULL, -- rises whenever the device enrols: its sequence begins anew
            token INTEGER NOT NULL REFERENCES tokens (id),
            labels TEXT NOT NULL -- what operators gave it
        ) STRICT;

        CREATE TABLE certificates (
            fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32),
            device INTEGER NOT NULL REFERENCES devices (row),
            number INTEGER NOT NULL, -- rises with each of the device
            key BLOB NOT NULL CHECK (length(key) = 32), -- digest of the public key
            issued INTEGER NOT NULL,
            not_after INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE UNIQUE INDEX certificates_of ON certificates (device, number);

        -- What every check-in changes: kept narrow and apart.
        CREATE TABLE seen (
            device INTEGER PRIMARY KEY REFERENCES devices (row),
            seen INTEGER NOT NULL,
            since INTEGER NOT NULL,
            address TEXT NOT NULL,
            boot TEXT NOT NULL,
            sequence INTEGER NOT NULL, -- -1: whatever comes next is newer
            time INTEGER NOT NULL, -- by the box's clock
            trusted INTEGER NOT NULL CHECK (trusted IN (0, 1)),
            uptime INTEGER NOT NULL
        ) STRICT;

        -- The rest of the newest check-in: written only where it differs.
        CREATE TABLE reports (
            device INTEGER PRIMARY KEY REFERENCES devices (row),
            interval INTEGER NOT NULL,
            agent TEXT NOT NULL,
            machine TEXT NOT NULL,
            kernel TEXT NOT NULL,
            system TEXT NOT NULL,
            processors INTEGER NOT NULL,
            memory INTEGER NOT NULL,
            channel TEXT,
            labels TEXT NOT NULL, -- the box's own
            metadata_version INTEGER,
            metadata_verified INTEGER,
            metadata_source TEXT,
            sync_waiting TEXT,
            sync_sentence TEXT,
            sync_since INTEGER,
            lost_records INTEGER NOT NULL,
            lost_bytes INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE endpoints (
            device INTEGER NOT NULL REFERENCES devices (row),
            name TEXT NOT NULL,
            listen TEXT NOT NULL,
            running BLOB, running_name TEXT, running_version TEXT, running_serial INTEGER,
            wanted BLOB, wanted_name TEXT, wanted_version TEXT, wanted_serial INTEGER,
            previous BLOB, previous_name TEXT, previous_version TEXT, previous_serial INTEGER,
            state TEXT NOT NULL,
            since INTEGER,
            result TEXT,
            sentence TEXT,
            containment TEXT,
            requests INTEGER, errors INTEGER, restarts INTEGER, p50 INTEGER, p99 INTEGER,
            converged TEXT NOT NULL,
            converged_since INTEGER NOT NULL,
            healthy TEXT NOT NULL,
            healthy_since INTEGER NOT NULL,
            PRIMARY KEY (device, name)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device INTEGER NOT NULL REFERENCES devices (row),
            received INTEGER NOT NULL,
            kind TEXT NOT NULL,
            sentence TEXT NOT NULL,
            bytes INTEGER NOT NULL, -- what it takes, roughly
            -- What follows is the box's, and null where the fleet did it.
            epoch INTEGER,
            boot TEXT,
            sequence INTEGER,
            time INTEGER,
            trusted INTEGER,
            endpoint TEXT,
            state TEXT,
            serial INTEGER,
            bundle BLOB, bundle_name TEXT, bundle_version TEXT, bundle_serial INTEGER,
            result TEXT,
            reason TEXT,
            detail TEXT,
            log TEXT
        ) STRICT;
        CREATE UNIQUE INDEX events_once ON events (device, epoch, boot, sequence) WHERE sequence IS NOT NULL;
        CREATE INDEX events_of ON events (device, endpoint, id);
        CREATE INDEX events_of_device ON events (device, id);
        CREATE INDEX events_of_endpoint ON events (endpoint, id) WHERE endpoint IS NOT NULL;
        CREATE INDEX events_with_log ON events (device, id) WHERE log IS NOT NULL;

        -- How much a device takes of what is bounded.
        CREATE TABLE usage (
            device INTEGER PRIMARY KEY REFERENCES devices (row),
            events INTEGER NOT NULL DEFAULT 0,
            event_bytes INTEGER NOT NULL DEFAULT 0,
            logs INTEGER NOT NULL DEFAULT 0, -- ends of logs that came with events
            lines INTEGER NOT NULL DEFAULT 0,
            line_bytes INTEGER NOT NULL DEFAULT 0
        ) STRICT;

        CREATE TABLE series (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device INTEGER NOT NULL REFERENCES devices (row),
            key BLOB NOT NULL CHECK (length(key) = 32), -- digest of name, unit, kind and attributes
            name TEXT NOT NULL,
            unit TEXT NOT NULL,
            attributes TEXT NOT NULL,
            cumulative INTEGER NOT NULL CHECK (cumulative IN (0, 1)),
            newest INTEGER NOT NULL,
            points BLOB NOT NULL -- as PackedPoints has them
        ) STRICT;
        CREATE UNIQUE INDEX series_of ON series (device, key);

        -- Points that have come since a device's series were last written.
        CREATE TABLE fresh_points (
            id INTEGER PRIMARY KEY,
            device INTEGER NOT NULL REFERENCES devices (row),
            points BLOB NOT NULL
        ) STRICT;
        CREATE INDEX fresh_points_of ON fresh_points (device);

        CREATE TABLE log_lines (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            device INTEGER NOT NULL REFERENCES devices (row),
            line TEXT, -- the box's id of it
            time INTEGER NOT NULL,
            received INTEGER NOT NULL,
            severity INTEGER NOT NULL,
            body TEXT NOT NULL,
            attributes TEXT NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX log_lines_once ON log_lines (device, line) WHERE line IS NOT NULL;
        CREATE INDEX log_lines_of ON log_lines (device, time, id);

        CREATE TABLE refusals (
            hour INTEGER NOT NULL,
            code TEXT NOT NULL,
            device TEXT NOT NULL, -- empty where it isn't known
            count INTEGER NOT NULL,
            last INTEGER NOT NULL,
            address TEXT NOT NULL,
            sentence TEXT NOT NULL,
            PRIMARY KEY (hour, code, device)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE audit (
            number INTEGER PRIMARY KEY,
            time INTEGER NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous BLOB NOT NULL,
            digest BLOB NOT NULL
        ) STRICT;
        CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
        CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;
        -- REPLACE takes a line away without asking the trigger above.
        CREATE TRIGGER audit_grows_at_its_end BEFORE INSERT ON audit
            WHEN NEW.number IS NOT (SELECT number + 1 FROM audit_head)
            BEGIN SELECT RAISE(ABORT, 'the audit is only ever added to'); END;

        -- Where the audit ends, so that a missing end shows. One row.
        CREATE TABLE audit_head (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            number INTEGER NOT NULL,
            digest BLOB NOT NULL
        ) STRICT;
        INSERT INTO audit_head VALUES (1, 0, zeroblob(32));
        """
}
