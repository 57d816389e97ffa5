internal import CSQLite
internal import Glibc

/// A prepared statement of a ``Database``, which keeps it for the next time. Not for two threads at once.
///
/// ``Database`` resets it whenever it is done with it, also where reading ends early; so no read keeps a snapshot of the
/// database longer than its caller looks at rows.
final class Statement {
    private let handle: OpaquePointer
    private let database: Database
    /// Whether it is being stepped through: a second use of the same text must be another statement.
    var isInUse = false

    init(_ handle: OpaquePointer, of database: Database) {
        self.handle = handle
        self.database = database
    }

    /// Before the database is closed.
    func finalize() { sqlite3_finalize(handle) }

    func bind(_ values: [(any SQLBindable)?]) throws(SQLiteError) {
        let expected = sqlite3_bind_parameter_count(handle)
        guard values.count == Int(expected) else {
            throw .failed(
                path: database.path,
                code: SQLITE_RANGE,
                reason: "a statement has \(expected) parameters, \(values.count) were given"
            )
        }
        for (index, value) in values.enumerated() { try bind(value?.sqlValue ?? .null, to: Int32(index + 1)) }
    }

    private func bind(_ value: SQLValue, to index: Int32) throws(SQLiteError) {
        let result: Int32
        switch value {
        case .null: result = sqlite3_bind_null(handle, index)
        case .integer(let number): result = sqlite3_bind_int64(handle, index, number)
        case .real(let number): result = sqlite3_bind_double(handle, index, number)
        case .text(var text):
            result = text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    // An empty text has no address of its own, and NULL would be bound for it.
                    sqlite3_bind_text64(
                        handle,
                        index,
                        characters.baseAddress ?? UnsafePointer(Self.nothing),
                        UInt64(characters.count),
                        Self.copied,
                        UInt8(SQLITE_UTF8)
                    )
                }
            }
        case .blob(let bytes):
            result = bytes.withUnsafeBytes { bytes in
                bytes.isEmpty
                    ? sqlite3_bind_zeroblob(handle, index, 0)
                    : sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), Self.copied)
            }
        }
        guard result == SQLITE_OK else { throw database.problem(result) }
    }

    /// The header's SQLITE_TRANSIENT, which Swift can't import: SQLite makes a copy.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    private static nonisolated(unsafe) let nothing: UnsafeMutablePointer<CChar> = {
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        byte.initialize(to: 0)
        return byte
    }()

    /// Goes to the next row; false after the last.
    func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw database.problem(code)
        }
    }

    func reset() {
        // It repeats the error of the last step, which has been thrown.
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    var row: Row { Row(handle: handle, database: database) }
}

/// The row that a query stands at: valid only while its closure runs.
///
/// Columns are read by their place from 0, as the type that the schema (STRICT) says. NULL, or another type, where a
/// value is expected reads as zero or empty, as SQLite converts; `optional…` tells NULL.
package struct Row: ~Copyable {
    fileprivate let handle: OpaquePointer
    fileprivate let database: Database

    package func isNull(_ column: Int) -> Bool { sqlite3_column_type(handle, Int32(column)) == SQLITE_NULL }

    package func integer(_ column: Int) -> Int64 { sqlite3_column_int64(handle, Int32(column)) }

    package func optionalInteger(_ column: Int) -> Int64? { isNull(column) ? nil : integer(column) }

    package func real(_ column: Int) -> Double { sqlite3_column_double(handle, Int32(column)) }

    package func boolean(_ column: Int) -> Bool { integer(column) != 0 }

    /// The column's bytes, text or blob, without a copy: valid only inside the closure.
    package func withBytes<Result>(_ column: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result
    {
        // Text first: a blob is not converted by it, and its length must be asked for after its address.
        let isBlob = sqlite3_column_type(handle, Int32(column)) == SQLITE_BLOB
        let start =
            isBlob
            ? sqlite3_column_blob(handle, Int32(column)) : UnsafeRawPointer(sqlite3_column_text(handle, Int32(column)))
        return try body(
            UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, Int32(column))))
        )
    }

    /// Text; what is not UTF-8 in it reads as U+FFFD.
    package func text(_ column: Int) -> String { withBytes(column) { String(decoding: $0, as: UTF8.self) } }

    /// Text that is often the same as one that is there: that one then, and no other copy of it.
    package func text(_ column: Int, like known: String) -> String {
        var known = known
        let isSame = withBytes(column) { bytes in
            known.withUTF8 { $0.count == bytes.count && sameBytes(UnsafeRawBufferPointer($0), bytes) }
        }
        return isSame ? known : text(column)
    }

    package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }

    package func blob(_ column: Int) -> [UInt8] { withBytes(column) { Array($0) } }

    package func optionalBlob(_ column: Int) -> [UInt8]? { isNull(column) ? nil : blob(column) }

    /// Any value, by its storage class.
    package func value(_ column: Int) -> SQLValue {
        switch sqlite3_column_type(handle, Int32(column)) {
        case SQLITE_INTEGER: .integer(integer(column))
        case SQLITE_FLOAT: .real(real(column))
        case SQLITE_TEXT: .text(text(column))
        case SQLITE_BLOB: .blob(blob(column))
        default: .null
        }
    }

    package var count: Int { Int(sqlite3_column_count(handle)) }
}

/// Of two of the same size.
private func sameBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard let left = left.baseAddress, let start = right.baseAddress else { return true }
    return memcmp(left, start, right.count) == 0
}
