package import Diagnostics
internal import Glibc

/// A call on a file or folder that failed, or a file that isn't what its reader may take.
package enum FileError: ExplainedError, Equatable {
    /// The system refused: `operation` in words ("write", "open"), and its errno.
    case failed(operation: String, path: String, code: Int32)
    /// The file has more bytes than its reader accepts.
    case tooLarge(path: String, bytes: Int, limit: Int)
    /// The file is of another kind than its place allows.
    case wrongKind(path: String, expected: String, found: FileKind)
    /// Something else stands where a folder is to be made.
    case occupied(path: String, by: FileKind)
    /// A file ended before the bytes it should hold, or changed while it was read.
    case changed(path: String)
    /// A name in the folder is not UTF-8, so that no document can hold it.
    case notUTF8(path: String)
    /// What is to be written needs more room than the file system has.
    case noRoom(path: String, needed: Int, free: Int)
    /// A folder holds more files, or deeper folders, than its reader accepts.
    case treeTooLarge(path: String, limit: String)

    /// The operations that make what was not there: what is missing then is no input.
    package static let create = "create"
    package static let createFolder = "create the folder"

    package var message: String {
        switch self {
        case .failed(let operation, let path, let code):
            "can't \(operation) \(path): \(String(cString: strerror(code)).lowercasedFirst)"
        case .tooLarge(let path, let bytes, let limit): "\(path) has \(bytes) bytes, more than the limit of \(limit)"
        case .wrongKind(let path, let expected, let found): "\(path) is \(found.words), expected \(expected)"
        case .occupied(let path, let kind): "\(path) is \(kind.words) where a folder is to be made"
        case .changed(let path): "\(path) changed while it was read"
        case .notUTF8(let path): "\(path) has a name that is not UTF-8"
        case .noRoom(let path, let needed, let free):
            "no room for \(path): it needs \(Quantity.readable(bytes: needed)), \(Quantity.readable(bytes: free)) are free"
        case .treeTooLarge(let path, let limit): "\(path) holds more than \(limit)"
        }
    }

    package var hint: String? {
        let space = "free some space, or write to another disk"
        if case .noRoom = self { return space }
        if case .notUTF8 = self { return "rename it, or leave it out" }
        guard case .failed(_, _, let code) = self else { return nil }
        switch code {
        case ENOSPC, EDQUOT: return space
        case EROFS: return "the file system is mounted read-only"
        default: return nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .failed(Self.create, _, ENOENT), .failed(Self.create, _, ENOTDIR), .failed(Self.create, _, EEXIST),
            .failed(Self.createFolder, _, ENOENT), .failed(Self.createFolder, _, ENOTDIR),
            .failed(Self.createFolder, _, EEXIST):
            .cannotCreate
        case .failed(_, _, let code):
            switch code {
            case ENOENT, ENOTDIR: .noInput
            case EACCES, EPERM: .noPermission
            default: .ioError
            }
        case .tooLarge, .treeTooLarge, .notUTF8: .dataError
        case .noRoom: .ioError
        case .wrongKind: .noInput
        case .occupied: .cannotCreate
        case .changed: .ioError
        }
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}

/// What stands at a path.
package enum FileKind: Equatable, Sendable {
    case regular, directory, symbolicLink, other

    package var words: String {
        switch self {
        case .regular: "a file"
        case .directory: "a folder"
        case .symbolicLink: "a symbolic link"
        case .other: "neither a file nor a folder"
        }
    }

    init(mode: mode_t) {
        switch mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        case S_IFLNK: self = .symbolicLink
        default: self = .other
        }
    }
}

/// The result of a system call that answers -1 on failure, with EINTR tried again.
@inline(__always)
func system(_ operation: String, _ path: String, _ call: () -> Int) throws(FileError) -> Int {
    while true {
        let result = call()
        if result != -1 { return result }
        let code = errno
        if code != EINTR { throw .failed(operation: operation, path: path, code: code) }
    }
}

/// The same for calls that answer Int32.
@inline(__always) @discardableResult
func system(_ operation: String, _ path: String, _ call: () -> Int32) throws(FileError) -> Int32 {
    Int32(truncatingIfNeeded: try system(operation, path) { Int(call()) })
}
