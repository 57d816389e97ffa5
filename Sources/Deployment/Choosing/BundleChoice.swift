package import BundleManifest
package import Digest
internal import JSON

/// What a box knows of a bundle that a deployment names.
package enum ManifestReading: Equatable, Sendable {
    case read(Manifest)
    case unreadable(ManifestError)
    /// No signed manifest of this digest is known here (yet).
    case missing
}

/// The bundle that serves an endpoint now.
package struct RunningBundle: Hashable, Sendable {
    package var digest: SHA256Digest
    package var name: BundleName
    package var version: BundleVersion
    package var interfaceEpoch: Int

    package init(digest: SHA256Digest, name: BundleName, version: BundleVersion, interfaceEpoch: Int) {
        self.digest = digest
        self.name = name
        self.version = version
        self.interfaceEpoch = interfaceEpoch
    }

    package init(digest: SHA256Digest, manifest: Manifest) {
        self.init(
            digest: digest,
            name: manifest.name,
            version: manifest.version,
            interfaceEpoch: manifest.interface.epoch
        )
    }
}

/// Which of the bundles that a deployment names a box takes, and why not a better one.
package struct BundleChoice: Equatable, Sendable {
    package enum Outcome: Equatable, Sendable {
        case chosen(SHA256Digest, Manifest)
        /// The one to take runs already.
        case alreadyInstalled(SHA256Digest)
        /// The endpoint is to be taken away.
        case absent
        /// The manifest of the first that may fit is not here yet; to take a later one would be to decide blindly.
        case undecided(missing: SHA256Digest)
        case noneFits
    }

    /// Why a bundle is not taken.
    package enum Reason: Hashable, Sendable {
        case revoked(String)
        /// The revocation names another in its place, which is judged next.
        case replaced(by: SHA256Digest)
        /// Its manifest requires features that this program doesn't know.
        case incompatible(features: [String])
        case malformed(String)
        case unmet(UnmetNeed)
        case belowFloor(BundleVersion, floor: BundleVersion)
        case interfaceChange(from: Int, to: Int)
        case containment(missing: [ContainmentLayer])
        /// Another one was taken for this serial before.
        case otherWasTaken(SHA256Digest)
    }

    package struct PassedOver: Hashable, Sendable {
        package let digest: SHA256Digest
        package let reason: Reason

        package init(digest: SHA256Digest, reason: Reason) {
            self.digest = digest
            self.reason = reason
        }
    }

    /// What the choice is made by, besides the digests.
    package struct Facts: Sendable {
        package var box: BoxCapabilities
        package var manifests: [SHA256Digest: ManifestReading]
        package var revocations: Revocations
        package var floors: VersionFloors
        package var running: RunningBundle?
        /// What was taken for this serial before: "once per serial".
        package var kept: SHA256Digest?

        package init(
            box: BoxCapabilities,
            manifests: [SHA256Digest: ManifestReading],
            revocations: Revocations = Revocations(),
            floors: VersionFloors = VersionFloors(),
            running: RunningBundle? = nil,
            kept: SHA256Digest? = nil
        ) {
            self.box = box
            self.manifests = manifests
            self.revocations = revocations
            self.floors = floors
            self.running = running
            self.kept = kept
        }
    }

    package let outcome: Outcome
    /// Bundles preferred over the outcome and not taken, in order of preference.
    package let passedOver: [PassedOver]

    package init(outcome: Outcome, passedOver: [PassedOver]) {
        self.outcome = outcome
        self.passedOver = passedOver
    }

    /// The bundle for the deployment's own state.
    ///
    /// Design section 6: "a box takes the first whose platform, needs and grants it meets, once per serial, and says
    /// why not a better one".
    package static func choose(for deployment: Deployment, _ facts: Facts) -> BundleChoice {
        switch deployment.state {
        case .absent: BundleChoice(outcome: .absent, passedOver: [])
        case .bundles(let digests): choose(among: digests, of: deployment, facts)
        }
    }

    /// The bundle that an aborted rollout leads to; nil where the deployment names none. What was taken for the serial
    /// plays no part.
    package static func chooseFallback(for deployment: Deployment, _ facts: Facts) -> BundleChoice? {
        guard !deployment.fallback.isEmpty else { return nil }
        var facts = facts
        facts.kept = nil
        return choose(among: deployment.fallback, of: deployment, facts)
    }

    private static func choose(
        among digests: [SHA256Digest],
        of deployment: Deployment,
        _ facts: Facts
    ) -> BundleChoice {
        var facts = facts
        facts.floors = facts.raisedFloors(by: deployment)
        var passed: [PassedOver] = []
        for named in digests {
            var digest = named
            if let entry = facts.revocations.entries[named] {
                guard let replacement = facts.revocations.replacement(for: named) else {
                    passed.append(PassedOver(digest: named, reason: .revoked(entry.reason)))
                    continue
                }
                passed.append(PassedOver(digest: named, reason: .replaced(by: replacement)))
                digest = replacement
            }
            if let kept = facts.kept, kept != digest, !facts.revocations.forbids(kept) {
                passed.append(PassedOver(digest: digest, reason: .otherWasTaken(kept)))
                continue
            }
            switch facts.verdict(on: digest, of: deployment) {
            case .takes(let manifest):
                let isRunning = facts.running?.digest == digest
                let outcome: Outcome = isRunning ? .alreadyInstalled(digest) : .chosen(digest, manifest)
                return BundleChoice(outcome: outcome, passedOver: passed)
            case .missing: return BundleChoice(outcome: .undecided(missing: digest), passedOver: passed)
            case .refuses(let reason): passed.append(PassedOver(digest: digest, reason: reason))
            }
        }
        return BundleChoice(outcome: .noneFits, passedOver: passed)
    }
}

extension BundleChoice.Facts {
    fileprivate enum Verdict {
        case takes(Manifest)
        case missing
        case refuses(BundleChoice.Reason)
    }

    /// The floors with the deployment's own, for the bundles it names as far as their manifests are known.
    package func raisedFloors(by deployment: Deployment) -> VersionFloors {
        let names = (deployment.state.bundles + deployment.fallback).compactMap { digest -> BundleName? in
            guard case .read(let manifest)? = manifests[digest] else { return nil }
            return manifest.name
        }
        return floors.raised(by: deployment, naming: Set(names))
    }

    fileprivate func verdict(on digest: SHA256Digest, of deployment: Deployment) -> Verdict {
        let manifest: Manifest
        switch manifests[digest] ?? .missing {
        case .missing: return .missing
        case .unreadable(.requiresUnknown(let features)): return .refuses(.incompatible(features: features))
        case .unreadable(.malformed(let error)): return .refuses(.malformed(error.message))
        case .read(let read): manifest = read
        }
        if let need = box.unmetNeed(of: manifest) { return .refuses(.unmet(need)) }
        let missing = deployment.containment.subtracting(box.containment)
        if !missing.isEmpty {
            return .refuses(.containment(missing: missing.sorted { $0.rawValue < $1.rawValue }))
        }
        // What runs already is neither older than itself nor another interface.
        guard running?.digest != digest else { return .takes(manifest) }
        if let floor = floors.floor(above: manifest) { return .refuses(.belowFloor(manifest.version, floor: floor)) }
        if let running, running.interfaceEpoch != manifest.interface.epoch, !deployment.allowsInterfaceChange {
            return .refuses(.interfaceChange(from: running.interfaceEpoch, to: manifest.interface.epoch))
        }
        return .takes(manifest)
    }
}

extension BundleChoice.Reason {
    /// What an update ends with where this reason meets the most preferred bundle.
    package var result: UpdateResult {
        switch self {
        case .revoked, .belowFloor: .rejected
        case .replaced(let digest): .incompatible(subject: "bundle", feature: digest.short)
        case .incompatible(let features):
            .incompatible(subject: "bundle", feature: features.joined(separator: " "))
        case .malformed: .incompatible(subject: "bundle", feature: "malformed")
        case .unmet(let need): .incompatible(subject: "bundle", feature: need.feature)
        case .interfaceChange(_, let epoch): .incompatible(subject: "interface", feature: "epoch \(epoch)")
        case .containment(let layers):
            .incompatible(subject: "containment", feature: layers.map(\.rawValue).joined(separator: " "))
        case .otherWasTaken(let digest): .incompatible(subject: "bundle", feature: digest.short)
        }
    }

    package var sentence: String {
        switch self {
        case .revoked(let reason): "it is revoked: \(reason)"
        case .replaced(let digest): "it is revoked, \(digest.short) takes its place"
        case .incompatible(let features): "it requires \(features.joined(separator: ", ")), unknown here"
        case .malformed(let problem): "its manifest can't be read: \(problem)"
        case .unmet(let need): need.sentence
        case .belowFloor(let version, let floor): "version \(version) is below the floor of \(floor)"
        case .interfaceChange(let from, let to):
            "its interface epoch is \(to), \(from) runs, and the deployment does not allow a change"
        case .containment(let layers):
            "the deployment requires \(layers.map(\.rawValue).joined(separator: ", ")), not available whole on this box"
        case .otherWasTaken(let digest): "\(digest.short) was taken for this serial before"
        }
    }
}

extension SHA256Digest {
    /// The first 12 digits, for people.
    package var short: String { String(hex.prefix(12)) }
}
