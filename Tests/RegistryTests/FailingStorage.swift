import FileSystem
import UpdateFramework

/// A storage that fails at a call, before it has had its effect or after, and at all calls from there on: a full disk, a
/// network that is gone.
final class FailingStorage: RepositoryStorage {
    struct Failure: Error, Equatable {}

    private let base: any RepositoryStorage
    /// The number of the call that fails, from 1 on; nil for none.
    var failingCall: Int?
    var failsAfterItsEffect = false
    private(set) var calls = 0

    init(_ base: any RepositoryStorage) { self.base = base }

    private func call<Result>(_ body: () throws -> Result) throws -> Result {
        calls += 1
        guard let failingCall, calls >= failingCall else { return try body() }
        if calls == failingCall, failsAfterItsEffect { _ = try body() }
        throw Failure()
    }

    var name: String { base.name }

    func files(below folder: String) throws -> [StoredFile] { try call { try base.files(below: folder) } }

    func status(of path: RepositoryPath) throws -> StoredFile? { try call { try base.status(of: path) } }

    func read(_ path: RepositoryPath, limitBytes: Int) throws -> [UInt8]? {
        try call { try base.read(path, limitBytes: limitBytes) }
    }

    func fetch(_ path: RepositoryPath, limitBytes: Int, receive: (UnsafeRawBufferPointer) throws -> Void) throws {
        try call { try base.fetch(path, limitBytes: limitBytes, receive: receive) }
    }

    func create(_ bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try call { try base.create(bytes, at: path) }
    }

    func replace(_ old: [UInt8]?, with bytes: [UInt8], at path: RepositoryPath) throws -> Bool {
        try call { try base.replace(old, with: bytes, at: path) }
    }

    func put(_ path: RepositoryPath, bytes: Int, from source: ByteSource) throws {
        try call { try base.put(path, bytes: bytes, from: source) }
    }

    func remove(_ path: RepositoryPath) throws { try call { try base.remove(path) } }
}
