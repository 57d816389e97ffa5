internal import Deployment
internal import Digest
internal import EdgeAgent

/// Labelled data that a bundle is to be judged by: a blob that an acceptance document names.
struct AcceptanceData: Hashable {
    let digest: SHA256Digest
    let bytes: Int

    /// Relative to the repository's base, and to the inbox.
    var path: String { "blobs/\(digest.hex)" }

    var name: ContentName { ContentName(digest) }

    /// What the plan's deployments ask for; of all bundles, or of one.
    static func needed(by bundle: SHA256Digest? = nil, in store: AgentStore) throws -> [AcceptanceData] {
        var needed: [AcceptanceData] = []
        for (endpoint, plan) in try store.plan()?.endpoints.sorted(by: { $0.key < $1.key }) ?? [] {
            switch plan.wanted {
            case .bundle(let candidate), .installed(let candidate):
                guard
                    bundle == nil || candidate.bundle == bundle || candidate.fallbacks.contains(where: { $0 == bundle })
                else { continue }
            case .removal, .nothing: guard bundle == nil else { continue }
            }
            guard let path = plan.deployment,
                let reference = try store.deployment(at: path).gates.acceptance
            else { continue }
            let acceptance = try store.acceptance(reference, for: endpoint)
            let data = AcceptanceData(digest: acceptance.data, bytes: acceptance.dataBytes)
            if !needed.contains(data) { needed.append(data) }
        }
        return needed
    }
}
