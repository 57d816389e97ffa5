internal import CSQLite
package import Diagnostics

/// What SQLite refused, by what a caller or an operator can do about it.
package enum SQLiteError: ExplainedError, Equatable {
    /// Another process holds the database longer than we wait.
    case busy(path: String)
    /// The disk, or the database's own limit of pages, is full. What was being written is undone.
    case full(path: String)
    /// The file's own structure is wrong.
    case corrupt(path: String, reason: String)
    /// The file is no database.
    case notADatabase(path: String)
    /// It can't be opened: a folder that is missing, or rights.
    case cannotOpen(path: String, reason: String)
    /// It, or its file system, can only be read.
    case readOnly(path: String)
    /// Reading or writing failed.
    case inputOutput(path: String, reason: String)
    /// A rule of the schema was broken: a value that is there already, a check, a trigger that refuses.
    case constraint(path: String, reason: String)
    /// Anything else, which is an error in our own statements: SQLite's result code and words.
    case failed(path: String, code: Int32, reason: String)

    init(_ code: Int32, path: String, reason: String) {
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED: self = .busy(path: path)
        case SQLITE_FULL: self = .full(path: path)
        case SQLITE_CORRUPT: self = .corrupt(path: path, reason: reason)
        case SQLITE_NOTADB: self = .notADatabase(path: path)
        case SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH: self = .cannotOpen(path: path, reason: reason)
        case SQLITE_READONLY: self = .readOnly(path: path)
        case SQLITE_IOERR: self = .inputOutput(path: path, reason: reason)
        case SQLITE_CONSTRAINT: self = .constraint(path: path, reason: reason)
        default: self = .failed(path: path, code: code, reason: reason)
        }
    }

    package var message: String {
        switch self {
        case .busy(let path): "\(path) is held by another process"
        case .full(let path): "no room to write to \(path); what was being written is undone"
        case .corrupt(let path, let reason): "\(path) is damaged: \(reason)"
        case .notADatabase(let path): "\(path) is no database"
        case .cannotOpen(let path, let reason): "can't open \(path): \(reason)"
        case .readOnly(let path): "\(path) can only be read"
        case .inputOutput(let path, let reason): "can't read or write \(path): \(reason)"
        case .constraint(let path, let reason): "\(path) refuses the change: \(reason)"
        case .failed(let path, let code, let reason): "\(path): \(reason) (SQLite result \(code))"
        }
    }

    package var hint: String? {
        switch self {
        case .busy: "try again; a long command on the same database may be running"
        case .full: "free some space on its disk; all that was acknowledged is there"
        case .corrupt: "restore a backup; `sqlite3 FILE .recover` saves what can still be read"
        case .notADatabase: "name another folder, or move the file away"
        case .readOnly: "look at the rights of the file and its folder, and how its disk is mounted"
        case .cannotOpen, .inputOutput, .constraint, .failed: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .busy: .tryAgain
        case .full, .inputOutput: .ioError
        case .corrupt, .notADatabase, .constraint: .dataError
        case .cannotOpen: .noInput
        case .readOnly: .noPermission
        case .failed: .software
        }
    }
}
