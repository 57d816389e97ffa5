package import BundleManifest
package import Deployment
package import Digest
internal import FileSystem
internal import Glibc
internal import JSON

/// The files of the store that the resident agent reads and writes.
package struct AgentStore: Sendable {
    package let layout: StoreLayout

    /// Opens a store that was configured. Throws where there is none, or a newer one, and has changed nothing then.
    package init(_ layout: StoreLayout) throws {
        self.layout = layout
        try Self.checkFormat(layout)
    }

    /// Throws unless this program may write the store.
    package static func checkFormat(_ layout: StoreLayout) throws {
        guard try FileSystem.status(of: layout.format) != nil else {
            throw StoreError.notConfigured(path: layout.root)
        }
        let format = try read(layout.format, limit: 4096) { bytes throws(JSONError) in
            let limits = JSONLimits(bytes: 4096, depth: 4, values: 64)
            return try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "store").string("format")
        }
        let major = format.prefix { $0 != "." }
        guard major == StoreLayout.format.prefix(while: { $0 != "." }) else {
            throw StoreError.storeTooNew(path: layout.root, format: format)
        }
    }

    package func box() throws -> BoxConfiguration {
        guard try FileSystem.status(of: layout.box) != nil else { throw StoreError.notConfigured(path: layout.root) }
        return try Self.read(layout.box, limit: BoxConfiguration.limits.bytes, BoxConfiguration.parse)
    }

    /// Nil before the first metadata was admitted.
    package func plan() throws -> SyncPlan? {
        guard try FileSystem.status(of: layout.plan) != nil else { return nil }
        return try Self.read(layout.plan, limit: SyncPlan.limits.bytes, SyncPlan.parse)
    }

    /// An endpoint's state; that of a new endpoint where nothing is stored.
    package func state(of endpoint: EndpointName) throws -> EndpointState {
        let path = layout.state(endpoint)
        guard try FileSystem.status(of: path) != nil else { return EndpointState(endpoint: endpoint) }
        return try Self.read(path, limit: EndpointState.limits.bytes, EndpointState.parse)
    }

    /// Durable when it returns.
    package func save(_ state: EndpointState) throws {
        try FileSystem.createDirectories(layout.endpoint(state.endpoint))
        try FileSystem.write(try state.encoded(), to: layout.state(state.endpoint), mode: 0o600)
    }

    /// A document that was admitted. Throws where it is not there: what admits a plan keeps what the plan names.
    package func deployment(at path: String) throws -> Deployment {
        guard let location = DeploymentLocation(path: path) else {
            throw StoreError.damaged(file: layout.plan, problem: "\(path) is no deployment")
        }
        return try Deployment.parse(FileSystem.read(layout.document(path), limit: Self.documentBytes), at: location)
    }

    package func acceptance(_ reference: Gates.AcceptanceReference, for endpoint: EndpointName) throws -> Acceptance {
        let location = AcceptanceLocation(endpoint: endpoint, version: reference.version)
        let bytes = try FileSystem.read(layout.document(location.path), limit: Self.documentBytes)
        return try Acceptance.parse(bytes, at: location)
    }

    /// The manifest of an installed bundle; nil where none can be read.
    package func manifest(of bundle: SHA256Digest) -> Manifest? {
        let path = FileSystem.join(layout.generation(bundle), "MANIFEST.json")
        guard let bytes = try? FileSystem.read(path, limit: Manifest.limits.bytes) else { return nil }
        return try? Manifest.parse(bytes)
    }

    /// What a bundle says that a runtime of it takes at most; nil where it says nothing.
    func memoryLimit(of bundle: SHA256Digest) -> Int? { manifest(of: bundle)?.endpoint.memoryBytes }

    private static let documentBytes = 1 << 20

    private static func read<Value>(
        _ path: String,
        limit: Int,
        _ parse: ([UInt8]) throws(JSONError) -> Value
    ) throws -> Value {
        let bytes = try FileSystem.read(path, limit: limit)
        do throws(JSONError) {
            return try parse(bytes)
        } catch {
            throw StoreError.damaged(file: path, problem: error.message)
        }
    }
}

/// Keeps a second agent from a store for as long as it is referred to; the system lets go when a process is killed.
package final class StoreLock: Sendable {
    private let descriptor: Int32

    /// Throws `inUse` at once where another agent has it.
    package init(_ layout: StoreLayout) throws {
        let path = layout.lock
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FileError.failed(operation: "open", path: path, code: errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw FileError.failed(operation: "lock", path: path, code: code) }
            throw StoreError.inUse(path: layout.root)
        }
    }

    deinit { close(descriptor) }
}
