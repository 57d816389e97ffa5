package import EdgeAgent

/// `edgeagent-sync admit` without a bundle.
package enum MetadataAdmission {
    package struct Result: Sendable {
        package let plan: SyncPlan
        package let notices: [String]
    }

    package static func run(_ store: SyncStore, from media: String?) throws -> Result {
        throw SyncFailure(.refused("not built in yet"))
    }
}
