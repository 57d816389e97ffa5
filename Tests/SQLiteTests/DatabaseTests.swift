import Diagnostics
import FileSystem
import Testing

@testable import SQLite

@Suite struct DatabaseTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var path: String { FileSystem.join(folder.path, "test.db") }

    private func open(_ change: (inout Database.Options) -> Void = { _ in }) throws -> Database {
        var options = Database.Options()
        options.busyMilliseconds = 50
        change(&options)
        return try Database(path, options: options)
    }

    private func table() throws -> Database {
        let database = try open()
        try database.script("CREATE TABLE t (id INTEGER PRIMARY KEY, value ANY) STRICT")
        return database
    }

    @Test(arguments: [
        SQLValue.null, .integer(0), .integer(.min), .integer(.max), .real(-0.5), .real(.infinity),
        .real(.leastNonzeroMagnitude),
        .text(""), .text("a\0b"), .text("'; DROP TABLE t; --"), .text("äé\u{1F600}\u{202E}"), .blob([]),
        .blob([0, 255]),
        .text(String(repeating: "x", count: 100_000)), .blob([UInt8](repeating: 7, count: 100_000)),
    ])
    func everyValueComesBackAsItWas(_ value: SQLValue) throws {
        let database = try table()
        try database.run("INSERT INTO t (value) VALUES (?)", value)
        #expect(try database.first("SELECT value FROM t") { $0.value(0) } == value)
        #expect(database.changes == 1)
        #expect(database.lastRow == 1)
    }

    @Test func columnsAreReadByType() throws {
        let database = try table()
        let row = "SELECT 5, 2.5, 'text', x'0102', NULL, 1"
        try database.each(row) { row in
            // A row can't be copied into an expectation.
            let numbers = (row.count, row.integer(0), row.real(1), row.boolean(5))
            #expect(numbers == (6, 5, 2.5, true))
            let (text, blob) = (row.text(2), row.blob(3))
            #expect(text == "text")
            #expect(blob == [1, 2])
            let values = (row.isNull(4), row.optionalText(4), row.optionalInteger(4), row.optionalText(2))
            #expect(values == (true, nil, nil, "text"))
            let blobs = [row.optionalBlob(3), row.optionalBlob(4)]
            #expect(blobs == [[1, 2], nil])
            return true
        }
    }

    @Test func theFileIsInWALWithEverythingOnDiskAtCommit() throws {
        let database = try table()
        #expect(try database.first("PRAGMA journal_mode") { $0.text(0) } == "wal")
        #expect(try database.first("PRAGMA synchronous") { $0.integer(0) } == 2)
        #expect(try database.first("PRAGMA foreign_keys") { $0.integer(0) } == 1)
        #expect(try database.first("PRAGMA trusted_schema") { $0.integer(0) } == 0)
    }

    private struct Stop: Error {}

    @Test func aTransactionThatThrowsLeavesNothing() throws {
        let database = try table()
        #expect(throws: Stop.self) {
            try database.transaction {
                try database.run("INSERT INTO t (value) VALUES (1)")
                try database.transaction { try database.run("INSERT INTO t (value) VALUES (2)") }
                throw Stop()
            }
        }
        #expect(try database.first("SELECT count(*) FROM t") { $0.integer(0) } == 0)
        try database.transaction { try database.run("INSERT INTO t (value) VALUES (3)") }
        #expect(try database.first("SELECT count(*) FROM t") { $0.integer(0) } == 1)
    }

    @Test func aSecondWriterIsToldToTryAgain() throws {
        let first = try table()
        let second = try open()
        try first.transaction {
            try first.run("INSERT INTO t (value) VALUES (1)")
            let error = try #require(throws: SQLiteError.self) { try second.transaction {} }
            #expect(error == .busy(path: path))
            #expect(error.exitCode == .tryAgain)
            // Readers go on, and see what is committed.
            #expect(try second.first("SELECT count(*) FROM t") { $0.integer(0) } == 0)
        }
        try second.transaction { try second.run("INSERT INTO t (value) VALUES (2)") }
    }

    @Test func dataVersionTellsOfOthersAlone() throws {
        let first = try table()
        let second = try open()
        let before = try first.dataVersion
        try first.run("INSERT INTO t (value) VALUES (1)")
        #expect(try first.dataVersion == before)
        try second.run("INSERT INTO t (value) VALUES (2)")
        #expect(try first.dataVersion != before)
    }

    @Test func aSnapshotIsOneView() throws {
        let first = try table()
        let second = try open()
        try first.snapshot {
            #expect(try first.first("SELECT count(*) FROM t") { $0.integer(0) } == 0)
            try second.run("INSERT INTO t (value) VALUES (2)")
            #expect(try first.first("SELECT count(*) FROM t") { $0.integer(0) } == 0)
        }
        #expect(try first.first("SELECT count(*) FROM t") { $0.integer(0) } == 1)
    }

    @Test func aFullDatabaseSaysSoAndKeepsWhatItHas() throws {
        let first = try table()
        try first.run("INSERT INTO t (value) VALUES ('kept')")
        first.close()
        let database = try open { $0.pages = 8 }
        let error = try #require(throws: SQLiteError.self) {
            try database.transaction {
                for _ in 0..<100 { try database.run("INSERT INTO t (value) VALUES (zeroblob(4000))") }
            }
        }
        #expect(error == .full(path: path))
        #expect(error.exitCode == .ioError)
        #expect(try database.all("SELECT value FROM t") { $0.text(0) } == ["kept"])
        try database.run("UPDATE t SET value = 'still'")
    }

    @Test func whatIsNoDatabaseIsNamed() throws {
        try FileSystem.write(Array(repeating: UInt8(ascii: "x"), count: 5_000), to: path)
        let error = try #require(throws: SQLiteError.self) { try open() }
        #expect(error == .notADatabase(path: path))
        #expect(error.exitCode == .dataError)
        #expect(error.hint != nil)
    }

    @Test func aFolderThatIsMissingIsNamed() throws {
        let error = try #require(throws: SQLiteError.self) { try Database(path + "/no/such.db") }
        guard case .cannotOpen = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.exitCode == .noInput)
    }

    @Test func damageIsFound() throws {
        let database = try table()
        try database.transaction {
            for number in 0..<2_000 { try database.run("INSERT INTO t (value) VALUES (?)", "row \(number)") }
        }
        try database.run("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        var bytes = try FileSystem.read(path, limit: 1 << 20)
        for index in 4_096..<(bytes.count - 100) where index % 512 < 80 { bytes[index] = 0xa5 }
        try FileSystem.write(bytes, to: path)
        let damaged = try open()
        let error = try #require(throws: SQLiteError.self) {
            try damaged.each("SELECT * FROM t") { _ in true }
        }
        guard case .corrupt = error else {
            Issue.record("\(error)")
            return
        }
        #expect(error.exitCode == .dataError)
    }

    @Test func aRuleThatIsBrokenIsNamed() throws {
        let database = try table()
        try database.run("INSERT INTO t (id) VALUES (1)")
        let error = try #require(throws: SQLiteError.self) { try database.run("INSERT INTO t (id) VALUES (1)") }
        guard case .constraint(_, let reason) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(reason.contains("t.id"))
    }

    @Test func wrongCallsAreErrorsAndNoTraps() throws {
        let database = try table()
        #expect(throws: SQLiteError.self) { try database.run("INSERT INTO t (value) VALUES (?)") }
        #expect(throws: SQLiteError.self) { try database.run("INSERT INTO t (value) VALUES (1)", 2) }
        #expect(throws: SQLiteError.self) { try database.run("SELEC") }
        #expect(throws: SQLiteError.self) { try database.run("") }
        #expect(throws: SQLiteError.self) { try database.run("SELECT * FROM nothing") }
        database.close()
        database.close()
        #expect(throws: SQLiteError.self) { try database.run("SELECT 1") }
    }

    @Test func aTextThatIsTooLargeIsAnError() throws {
        let database = try table()
        try database.run("INSERT INTO t (value) VALUES ('there')")
        #expect(throws: SQLiteError.self) {
            try database.run("INSERT INTO t (value) VALUES (?)", [UInt8](repeating: 0, count: 17 << 20))
        }
    }

    @Test func statementsWithinTheSameStatementWork() throws {
        let database = try table()
        for number in 0..<3 { try database.run("INSERT INTO t (value) VALUES (?)", number) }
        var pairs = 0
        try database.each("SELECT value FROM t") { _ in
            try database.each("SELECT value FROM t") { _ in
                pairs += 1
                return true
            }
            return true
        }
        #expect(pairs == 9)
    }

    @Test func aReadThatThrowsKeepsNothingOpen() throws {
        let first = try table()
        try first.run("INSERT INTO t (value) VALUES (1)")
        #expect(throws: Stop.self) { try first.each("SELECT value FROM t") { _ in throw Stop() } }
        // A read that was still open would keep the log from being emptied.
        #expect(try first.first("PRAGMA wal_checkpoint(TRUNCATE)") { $0.integer(0) } == 0)
    }

    @Test func onlyReadingRefusesToWrite() throws {
        _ = try table()
        let database = try open { $0.isReadOnly = true }
        let error = try #require(throws: SQLiteError.self) { try database.run("INSERT INTO t (value) VALUES (1)") }
        #expect(error == .readOnly(path: path))
    }

    @Test func plansTellScansFromSearches() throws {
        let database = try table()
        #expect(try database.plan(of: "SELECT * FROM t WHERE value = ?").contains { $0.hasPrefix("SCAN") })
        #expect(try database.plan(of: "SELECT * FROM t WHERE id = ?").allSatisfy { $0.hasPrefix("SEARCH") })
    }
}

/// A scratch folder that a suite can hold.
final class TemporaryFolder {
    private let folder: TemporaryDirectory
    let path: String

    init() throws {
        folder = try TemporaryDirectory(prefix: "sqlite-test")
        path = folder.path
    }
}
