internal import Deployment
internal import Digest
internal import UpdateFramework

extension Registry {
    /// What a change of delegations means for documents that are in use, and how many others it concerns, as sentences.
    func consequences(of difference: LookupDifference) -> [String] {
        let use = DocumentsInUse(of: self)
        let hidden = difference.hidden.map(\.path.text)
        let named = hidden.compactMap { use.reason(for: $0).map { "boxes no longer find \($0)" } }
        var sentences = named
        if hidden.count > named.count {
            sentences.append("boxes no longer find \(Self.count(hidden.count - named.count))")
        }
        sentences += difference.replaced.map {
            "\($0.path) is found in role \($0.role) from now on, with other content"
        }
        let appearing = Dictionary(grouping: difference.appearing, by: \.role).sorted { $0.key < $1.key }
        sentences += appearing.map {
            "boxes find \(Self.count($0.value.count)) of role \($0.key) that they didn't before"
        }
        return sentences
    }

    private static func count(_ count: Int) -> String { "\(count) document\(count == 1 ? "" : "s")" }
}

/// What boxes go by: the deployments that a rollout names, with the bundles and acceptance sets that those name.
private struct DocumentsInUse {
    /// By path.
    private var reasons: [String: String] = [:]

    init(of registry: Registry) {
        let lookup = registry.lookup
        let bundles = Dictionary(registry.bundles.map { ($0.digest, $0.location) }) { first, _ in first }
        for channel in Channel.allCases {
            let rollouts = lookup.targets(below: "rollouts/\(channel.rawValue)")
                .compactMap { RolloutLocation(path: $0.path.text) }.compactMap { registry.rollout(at: $0) }
            for rollout in rollouts {
                let place = "\(rollout.location.endpoint) in \(channel.rawValue)"
                reasons[rollout.location.path] = "the rollout of \(place), and hold still there"
                let serials = [rollout.serial] + rollout.completed.map(\.serial)
                let deployments = registry.deployments(of: rollout.location.endpoint, in: channel).map(\.document)
                for deployment in deployments where serials.contains(deployment.location.serial) {
                    let name = "deployment \(deployment.location.serial) of \(place)"
                    reasons[deployment.location.path] = "\(name), which is in use"
                    for digest in deployment.state.bundles + deployment.fallback {
                        guard let bundle = bundles[digest] else { continue }
                        reasons[bundle.path] =
                            "bundle \(bundle.name)@\(bundle.version) for \(bundle.platform), which \(name) names"
                    }
                    if let acceptance = deployment.gates.acceptance {
                        let set = AcceptanceLocation(endpoint: rollout.location.endpoint, version: acceptance.version)
                        reasons[set.path] = "acceptance set \(set.version) of \(set.endpoint), which \(name) names"
                    }
                }
            }
        }
    }

    func reason(for path: String) -> String? { reasons[path] }
}
