internal import BundleManifest
package import Deployment
package import Digest
internal import EdgeAgent
internal import JSON

/// What the verified documents say, read as far as this program can: the plan is made by it.
package struct ReadDocuments: Equatable, Sendable {
    package var deployments: [EndpointName: [DeploymentCandidate]] = [:]
    /// None where the repository has none.
    package var rollouts: [EndpointName: RolloutReading] = [:]
    package var revocations: RevocationReading = .read(Revocations())
    package var manifests: [SHA256Digest: ManifestReading] = [:]
    /// By the digest of the document.
    package var acceptances: [SHA256Digest: AcceptanceReading] = [:]

    package enum AcceptanceReading: Equatable, Sendable {
        case read(Acceptance)
        case unreadable(DocumentError)
    }

    /// What this agent can do of what deployments may ask for. What is missing here is named `incompatible`, never
    /// skipped: taking an endpoint away, backtest, parameters, sets, canary, shadow, stop-swap, windows, and layers of containment.
    package static let supported: Set<DeploymentFeature> = [
        .floor, .freshness, .acceptanceGate, .soakGate, .thresholdGate, .selector, .variants, .waves,
    ]

    package init() {}
}

extension ReadDocuments {
    init(_ collected: CollectedDocuments, box: BoxConfiguration, memory: SyncMemory) {
        self.init(
            collected.documents,
            bundles: collected.bundles.mapValues(\.path),
            unusable: collected.unusable,
            box: box,
            lastRevocations: memory.revocations
        )
    }

    /// - Parameters:
    ///   - documents: verified bytes by target path.
    ///   - bundles: the target path of each manifest.
    init(
        _ documents: [String: [UInt8]],
        bundles: [SHA256Digest: String],
        unusable: [SHA256Digest: String] = [:],
        box: BoxConfiguration,
        lastRevocations: Revocations
    ) {
        for (path, bytes) in documents.sorted(by: { $0.key < $1.key }) {
            if let location = DeploymentLocation(path: path) {
                guard location.channel == box.channel else { continue }
                let candidate = DeploymentCandidate(bytes, at: location, supporting: Self.supported)
                deployments[location.endpoint, default: []].append(candidate)
            } else if let location = RolloutLocation(path: path) {
                guard location.channel == box.channel else { continue }
                rollouts[location.endpoint] = Self.rollout(bytes, at: location)
            } else if let location = AcceptanceLocation(path: path) {
                acceptances[SHA256.digest(bytes)] = Self.acceptance(bytes, at: location)
            } else if path == Revocations.path {
                revocations = Self.revocations(bytes, last: lastRevocations)
            }
        }
        for (digest, path) in bundles {
            guard let bytes = documents[path], SHA256.digest(bytes) == digest else { continue }
            manifests[digest] = Self.manifest(bytes)
        }
        for (digest, problem) in unusable {
            manifests[digest] = .unreadable(.malformed(.unexpected(path: "", problem: problem)))
        }
    }

    private static func rollout(_ bytes: [UInt8], at location: RolloutLocation) -> RolloutReading {
        do throws(DocumentError) {
            return .read(try Rollout.parse(bytes, at: location), digest: SHA256.digest(bytes))
        } catch {
            return .unreadable(error)
        }
    }

    private static func acceptance(_ bytes: [UInt8], at location: AcceptanceLocation) -> AcceptanceReading {
        do throws(DocumentError) {
            return .read(try Acceptance.parse(bytes, at: location))
        } catch {
            return .unreadable(error)
        }
    }

    private static func revocations(_ bytes: [UInt8], last: Revocations) -> RevocationReading {
        do throws(DocumentError) {
            return .read(try Revocations.parse(bytes))
        } catch {
            return .unreadable(error, lastRead: last)
        }
    }

    static func manifest(_ bytes: [UInt8]) -> ManifestReading {
        do throws(ManifestError) {
            return .read(try Manifest.parse(bytes))
        } catch {
            return .unreadable(error)
        }
    }
}
