/// `edgeagent-sync fetch` without a bundle.
package enum MetadataFetch {
    package struct Result: Sendable {
        package var requests = 0
        package var bytes = 0
        package var isChanged = false
        package var notices: [String] = []
    }

    package static func run(_ store: SyncStore) throws -> Result {
        throw SyncFailure(.refused("not built in yet"))
    }
}
