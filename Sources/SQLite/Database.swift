internal import CSQLite

/// The version of the SQLite in use, such as 3.40.1.
package var sqliteVersion: String { String(cString: sqlite3_libversion()) }

/// One connection to an SQLite database. Not for two threads at once; open one for each.
///
/// The database is in WAL mode with synchronous=FULL: a committed transaction survives a power cut, and readers and the
/// one writer don't wait for each other. Foreign keys hold, and the schema in the file is not trusted with functions
/// that do anything (<https://sqlite.org/security.html>).
package final class Database {
    package struct Options: Sendable {
        /// How long a statement waits for another process that writes.
        package var busyMilliseconds: Int32 = 10_000
        /// Bytes of the largest text, blob or row.
        package var largestValueBytes: Int32 = 16 << 20
        /// KiB of pages that are kept in memory.
        package var cacheKiB: Int32 = 16 << 10
        /// Pages that the file may have; nil for what SQLite takes. For tests of a full disk.
        package var pages: Int?
        package var isReadOnly = false

        package init() {}
    }

    package let path: String
    /// Nil only after ``close()``.
    private var handle: OpaquePointer?
    private var statements: [String: Statement] = [:]
    private var isInTransaction = false

    /// Opens the file, and makes it where it is missing.
    package init(_ path: String, options: Options = Options()) throws(SQLiteError) {
        self.path = path
        let access = options.isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        var opened: OpaquePointer?
        let result = sqlite3_open_v2(path, &opened, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard result == SQLITE_OK, let opened else {
            let reason = opened.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(result))
            sqlite3_close_v2(opened)
            throw SQLiteError(result, path: path, reason: reason)
        }
        handle = opened
        sqlite3_busy_timeout(opened, options.busyMilliseconds)
        for (limit, value) in [
            (SQLITE_LIMIT_LENGTH, options.largestValueBytes), (SQLITE_LIMIT_SQL_LENGTH, 1 << 20),
            (SQLITE_LIMIT_ATTACHED, 0), (SQLITE_LIMIT_TRIGGER_DEPTH, 4), (SQLITE_LIMIT_EXPR_DEPTH, 100),
            (SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000),
        ] {
            sqlite3_limit(opened, limit, value)
        }
        do throws(SQLiteError) {
            try run("PRAGMA trusted_schema = OFF")
            try run("PRAGMA foreign_keys = ON")
            // Pages whose structure is wrong are an error where they are read, and never believed.
            try run("PRAGMA cell_size_check = ON")
            try run("PRAGMA mmap_size = 0")
            try run("PRAGMA synchronous = FULL")
            try run("PRAGMA cache_size = -\(options.cacheKiB)")
            if !options.isReadOnly { try useWAL() }
            // The log keeps the size that its longest transaction or reader made it grow to; give the room back.
            try run("PRAGMA journal_size_limit = \(64 << 20)")
            if let pages = options.pages { try run("PRAGMA max_page_count = \(pages)") }
        } catch {
            close()
            throw error
        }
    }

    private func useWAL() throws(SQLiteError) {
        // Changing the mode needs the file for itself for a moment, and SQLite doesn't wait for that as it does
        // for a lock: another process that opens a new file at the same time.
        var tries = 0
        while true {
            do throws(SQLiteError) {
                guard try pragma("journal_mode = WAL") == .text("wal") else {
                    throw .failed(path: path, code: SQLITE_ERROR, reason: "can't use a write-ahead log here")
                }
                return
            } catch {
                tries += 1
                guard case .busy = error, tries < 200 else { throw error }
                sqlite3_sleep(25)
            }
        }
    }

    deinit { close() }

    /// Closes it; nothing may be asked of it afterwards.
    package func close() {
        for statement in statements.values { statement.finalize() }
        statements = [:]
        sqlite3_close_v2(handle)
        handle = nil
    }

    func problem(_ code: Int32) -> SQLiteError {
        let reason = handle.map { String(cString: sqlite3_errmsg($0)) } ?? String(cString: sqlite3_errstr(code))
        return SQLiteError(code, path: path, reason: reason)
    }

    private func open() throws(SQLiteError) -> OpaquePointer {
        guard let handle else { throw .failed(path: path, code: SQLITE_MISUSE, reason: "the database is closed") }
        return handle
    }

    private func prepare(_ sql: String) throws(SQLiteError) -> (Statement, isKept: Bool) {
        if let known = statements[sql], !known.isInUse { return (known, true) }
        var made: OpaquePointer?
        let result = sqlite3_prepare_v3(try open(), sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil)
        guard result == SQLITE_OK else { throw problem(result) }
        guard let made else { throw .failed(path: path, code: SQLITE_MISUSE, reason: "there is no statement in it") }
        let statement = Statement(made, of: self)
        guard statements[sql] == nil, statements.count < 256 else { return (statement, false) }
        statements[sql] = statement
        return (statement, true)
    }

    /// Runs one statement that gives no rows, or whose rows don't matter. The text must be a constant of ours: values
    /// from outside are only ever bound.
    package func run(_ sql: String, _ values: (any SQLBindable)?...) throws(SQLiteError) { try run(sql, values) }

    package func run(_ sql: String, _ values: [(any SQLBindable)?]) throws(SQLiteError) {
        let (statement, isKept) = try prepare(sql)
        statement.isInUse = true
        defer { release(statement, isKept) }
        try statement.bind(values)
        _ = try statement.step()
    }

    private func release(_ statement: Statement, _ isKept: Bool) {
        statement.reset()
        statement.isInUse = false
        if !isKept { statement.finalize() }
    }

    /// The first row of a query, or nil.
    package func first<Result>(
        _ sql: String,
        _ values: (any SQLBindable)?...,
        read: (borrowing Row) throws -> Result
    ) throws -> Result? {
        var result: Result?
        try each(sql, values) { row in
            result = try read(row)
            return false
        }
        return result
    }

    /// Every row of a query.
    package func all<Result>(
        _ sql: String,
        _ values: (any SQLBindable)?...,
        read: (borrowing Row) throws -> Result
    ) throws -> [Result] {
        try all(sql, values, read: read)
    }

    package func all<Result>(
        _ sql: String,
        _ values: [(any SQLBindable)?],
        read: (borrowing Row) throws -> Result
    ) throws -> [Result] {
        var results: [Result] = []
        try each(sql, values) { row in
            results.append(try read(row))
            return true
        }
        return results
    }

    /// Goes through the rows of a query for as long as `read` answers true.
    package func each(
        _ sql: String,
        _ values: [(any SQLBindable)?] = [],
        read: (borrowing Row) throws -> Bool
    ) throws {
        let (statement, isKept) = try prepare(sql)
        statement.isInUse = true
        defer { release(statement, isKept) }
        try statement.bind(values)
        while try statement.step() {
            guard try read(statement.row) else { return }
        }
    }

    /// Runs several statements without values, as of a schema.
    package func script(_ sql: String) throws(SQLiteError) {
        let result = sqlite3_exec(try open(), sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw problem(result) }
    }

    /// Does all of it or nothing: what `body` throws, or a commit that fails, undoes every change.
    ///
    /// It takes the right to write at once, so that nothing that was read has changed when it is written. What is in
    /// a transaction already belongs to that one.
    package func transaction<Result>(_ body: () throws -> Result) throws -> Result {
        try transaction(begin: "BEGIN IMMEDIATE", body)
    }

    /// One view of the database for several queries; the others may go on writing.
    package func snapshot<Result>(_ body: () throws -> Result) throws -> Result {
        try transaction(begin: "BEGIN DEFERRED", body)
    }

    private func transaction<Result>(begin: String, _ body: () throws -> Result) throws -> Result {
        guard !isInTransaction else { return try body() }
        try run(begin)
        isInTransaction = true
        defer { isInTransaction = false }
        do {
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            // After some errors SQLite has undone it already (a full disk, say).
            if let handle, sqlite3_get_autocommit(handle) == 0 { try? run("ROLLBACK") }
            throw error
        }
    }

    /// How many rows the last statement changed.
    package var changes: Int { handle.map { Int(sqlite3_changes64($0)) } ?? 0 }

    /// The row number of the last insertion.
    package var lastRow: Int64 { handle.map { sqlite3_last_insert_rowid($0) } ?? 0 }

    /// The first column of the first row of a pragma.
    private func pragma(_ name: String) throws(SQLiteError) -> SQLValue {
        let (statement, isKept) = try prepare("PRAGMA \(name)")
        statement.isInUse = true
        defer { release(statement, isKept) }
        return try statement.step() ? statement.row.value(0) : .null
    }

    private func pragmaNumber(_ name: String) throws(SQLiteError) -> Int {
        if case .integer(let number) = try pragma(name) { Int(number) } else { 0 }
    }

    /// Changes when another connection has committed.
    package var dataVersion: Int {
        get throws(SQLiteError) { try pragmaNumber("data_version") }
    }

    /// The number that the schema's owner gave it.
    package var userVersion: Int {
        get throws(SQLiteError) { try pragmaNumber("user_version") }
    }

    package func setUserVersion(_ version: Int) throws(SQLiteError) { try run("PRAGMA user_version = \(version)") }

    /// How SQLite would go about a query: one line for each step (`EXPLAIN QUERY PLAN`).
    package func plan(of sql: String) throws -> [String] {
        var made: OpaquePointer?
        let result = sqlite3_prepare_v2(try open(), sql, -1, &made, nil)
        defer { sqlite3_finalize(made) }
        guard result == SQLITE_OK else { throw problem(result) }
        let count = Int(sqlite3_bind_parameter_count(made))
        return try all("EXPLAIN QUERY PLAN " + sql, Array(repeating: nil, count: count)) { $0.text(3) }
    }
}
