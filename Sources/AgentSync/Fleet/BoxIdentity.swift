internal import Crypto
internal import Deployment
internal import Diagnostics
internal import EdgeAgent
internal import FileSystem
internal import FleetClient
internal import Glibc

/// Who a box is to its fleet, in the folder `fleet/` of its store, which one process changes at a time.
///
/// Key and certificate are one file, replaced whole: whoever is killed at whichever moment leaves a pair that fits.
final class BoxIdentity {
    let layout: StoreLayout
    private let lock: FileLock
    /// Told of each file before it is written or removed, so that tests can end the work at any.
    private let willWrite: (String) throws -> Void

    /// The most that is read of a key with its certificate.
    private static let limitBytes = 64 << 10

    /// Waits until no other process has it.
    init(_ layout: StoreLayout, willWrite: @escaping (String) throws -> Void = { _ in }) throws {
        self.layout = layout
        self.willWrite = willWrite
        lock = try SyncStore.lock(in: layout.fleet, named: ".lock")
        // What a killed process has left may hold a key.
        for name in try FileSystem.names(in: layout.fleet) where TemporaryName.isOne(name) {
            try FileSystem.removeFile(FileSystem.join(layout.fleet, name))
        }
    }

    /// Throws where the box is not enrolled, or its identity can't be used.
    func read() throws -> (settings: FleetSettings, identity: FleetIdentity) {
        guard let settings = try layout.readFleetSettings() else { throw NotEnrolled(store: layout.root) }
        do {
            return (settings, try identity(settings))
        } catch let error as FleetClientError {
            throw SyncFailure(
                .refused("\(layout.identity): \(error.message)"),
                hint: NotEnrolled.again,
                exitCode: .dataError
            )
        } catch FileError.failed(let operation, let path, ENOENT) {
            throw SyncFailure(
                .refused(FileError.failed(operation: operation, path: path, code: ENOENT).message),
                hint: NotEnrolled.again,
                exitCode: .dataError
            )
        }
    }

    private func identity(_ settings: FleetSettings) throws -> FleetIdentity {
        try FleetIdentity(
            server: settings.server,
            device: settings.device,
            authorities: settings.authorities,
            pem: try FileSystem.read(layout.identity, limit: Self.limitBytes)
        )
    }

    /// What there is, where it can be used.
    func known() -> (settings: FleetSettings, identity: FleetIdentity)? { try? read() }

    func write(_ identity: FleetIdentity) throws { try write(try identity.pemBytes(), to: layout.identity) }

    func write(_ settings: FleetSettings) throws {
        guard try layout.readFleetSettings() != settings else { return }
        try write(try settings.encoded(), to: layout.fleetSettings)
    }

    /// Has the box belong to no fleet until it is enrolled.
    func removeSettings() throws { try remove(layout.fleetSettings) }

    /// The key of an enrolment that was cut off; nil where there is none.
    func enrolmentKey() -> PrivateKey? {
        guard let pem = try? FileSystem.read(layout.enrolmentKey, limit: Self.limitBytes) else { return nil }
        return try? PrivateKey(pem: pem, source: layout.enrolmentKey)
    }

    func keepForEnrolment(_ key: PrivateKey) throws { try write(try key.pemBytes(), to: layout.enrolmentKey) }

    func write(root: [UInt8]) throws { try write(root, to: layout.enrolmentRoot) }

    func endEnrolment() throws {
        try remove(layout.enrolmentKey)
        try remove(layout.enrolmentRoot)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        try willWrite(path)
        try FileSystem.write(bytes, to: path, mode: 0o600)
    }

    private func remove(_ path: String) throws {
        guard try FileSystem.status(of: path) != nil else { return }
        try willWrite(path)
        try FileSystem.removeFile(path)
        try FileSystem.synchronizeDirectory(layout.fleet)
    }
}

/// The box belongs to no fleet.
struct NotEnrolled: ExplainedError, Equatable {
    let store: String

    static let again = "enrol the box: edgeagent enroll --token TOKEN, with a token of `edgefleet token create`"

    var message: String { "the box of \(store) is enrolled with no fleet" }
    var hint: String? { Self.again }
    var exitCode: ExitCode { .configuration }
}
