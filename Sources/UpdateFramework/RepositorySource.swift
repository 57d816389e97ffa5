/// A whole repository to be read: metadata, targets and blobs below one base.
package struct RepositorySource {
    /// What messages call it: `repo`, `s3://models/edge`, `https://updates.example/edge`.
    package let name: String
    /// For paths from the base on.
    package let transport: any RepositoryTransport
    /// What can be listed and asked for sizes too; nil behind a plain URL.
    package let storage: (any RepositoryStorage)?

    package init(_ storage: any RepositoryStorage) {
        name = storage.name
        transport = storage
        self.storage = storage
    }

    /// A repository that can only be fetched from.
    package init(name: String, transport: any RepositoryTransport) {
        self.name = name
        self.transport = transport
        storage = nil
    }

    package var metadata: SubfolderTransport { SubfolderTransport(transport, "metadata") }
    package var targets: SubfolderTransport { SubfolderTransport(transport, "targets") }

    /// The repository's first root; nil where there is none.
    package func firstRoot() throws -> [UInt8]? {
        do {
            return try transport.bytes(of: .metadata("1.root.json"), limitBytes: UpdateLimits().rootBytes)
        } catch let error as TransportError {
            guard case .notFound = error else { throw error }
            return nil
        }
    }
}

/// A folder of a repository as a base of its own.
package struct SubfolderTransport: RepositoryTransport {
    private let base: any RepositoryTransport
    private let folder: String

    package init(_ base: any RepositoryTransport, _ folder: String) {
        self.base = base
        self.folder = folder
    }

    package func fetch(
        _ path: RepositoryPath,
        limitBytes: Int,
        receive: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let whole = RepositoryPath(components: [folder] + path.components)
        try base.fetch(whole, limitBytes: limitBytes, receive: receive)
    }
}
