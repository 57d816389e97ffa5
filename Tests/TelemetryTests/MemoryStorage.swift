import FileSystem

@testable import Telemetry

/// A folder in memory where the process can be killed at any change, and the power cut.
final class MemoryStorage: SpoolStorage {
    private(set) var files: [String: [UInt8]]
    /// What the disk would hold after a power cut.
    private var durable: [String: [UInt8]]
    /// Changes made so far.
    private(set) var changes = 0
    /// The change at which the process is killed, and how much of it is done before.
    var death: (change: Int, share: Double)?
    /// Errors of the disk for writes, one for each write, in order; nil is none.
    var writeErrors: [Int32?] = []
    private var isDead = false

    static let killed = FileError.failed(operation: "be alive", path: "", code: 0)

    init(_ files: [String: [UInt8]] = [:]) {
        self.files = files
        durable = files
    }

    /// What the next process finds.
    func afterDeath() -> MemoryStorage { MemoryStorage(files) }
    func afterPowerCut() -> MemoryStorage { MemoryStorage(durable) }

    func damage(_ name: String, _ change: (inout [UInt8]) -> Void) {
        files[name].map { bytes in
            var bytes = bytes
            change(&bytes)
            files[name] = bytes
        }
    }

    private func change(_ apply: (_ share: Double) -> Void) throws(FileError) {
        guard !isDead else { throw Self.killed }
        changes += 1
        guard let death, death.change == changes else { return apply(1) }
        isDead = true
        apply(death.share)
        throw Self.killed
    }

    func list() throws(FileError) -> [(name: String, bytes: Int)] {
        files.map { ($0.key, $0.value.count) }.sorted { $0.0 < $1.0 }
    }

    func read(_ name: String, limit: Int) throws(FileError) -> [UInt8]? { files[name] }

    func write(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileError) {
        if !writeErrors.isEmpty, let code = writeErrors.removeFirst() {
            // A full disk takes some of it.
            put(bytes.prefix(bytes.count / 2), name, offset)
            throw .failed(operation: "write", path: name, code: code)
        }
        try change { share in put(bytes.prefix(Int(Double(bytes.count) * share)), name, offset) }
    }

    private func put(_ bytes: ArraySlice<UInt8>, _ name: String, _ offset: Int) {
        var file = files[name] ?? []
        if file.count < offset { file += [UInt8](repeating: 0, count: offset - file.count) }
        file.replaceSubrange(offset..<min(file.count, offset + bytes.count), with: bytes)
        files[name] = file
    }

    func truncate(_ name: String, to bytes: Int) throws(FileError) {
        try change { share in if share > 0 { files[name] = files[name].map { Array($0.prefix(bytes)) } } }
    }

    func synchronize(_ name: String) throws(FileError) {
        try change { share in if share > 0 { durable[name] = files[name] } }
    }

    func replace(_ name: String, with bytes: [UInt8]) throws(FileError) {
        try change { share in
            guard share > 0 else { return }
            files[name] = bytes
            durable[name] = bytes
        }
    }

    /// The worst for us: on the disk at once.
    func remove(_ name: String) throws(FileError) {
        try change { share in
            guard share > 0 else { return }
            files[name] = nil
            durable[name] = nil
        }
    }
}
