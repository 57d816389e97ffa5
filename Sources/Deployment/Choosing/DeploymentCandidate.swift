package import Digest
internal import JSON

/// A deployment that the repository lists for an endpoint, as far as this program can read it.
package struct DeploymentCandidate: Equatable, Sendable {
    package enum Content: Equatable, Sendable {
        case readable(Deployment)
        /// It asks for more than this program can do, but says whom it is meant for.
        case audienceOnly(DeploymentAudience, DocumentError)
        case unreadable(DocumentError)
    }

    package let location: DeploymentLocation
    /// SHA-256 of its bytes, by which a rollout names it.
    package let digest: SHA256Digest
    package let content: Content

    package init(location: DeploymentLocation, digest: SHA256Digest, content: Content) {
        self.location = location
        self.digest = digest
        self.content = content
    }

    /// Never fails: what can't be read is a candidate too, since it may be the one that counts.
    ///
    /// The audience of a deployment that requires an unknown feature still counts: such a feature only narrows, so a
    /// box that the selector leaves out need not wait for a newer program.
    package init(
        _ bytes: [UInt8],
        at location: DeploymentLocation,
        supporting supported: Set<DeploymentFeature> = Set(DeploymentFeature.allCases)
    ) {
        self.location = location
        digest = SHA256.digest(bytes)
        do {
            content = .readable(try Deployment.parse(bytes, at: location, supporting: supported))
        } catch {
            content = Self.audience(bytes, at: location, error).map { .audienceOnly($0, error) } ?? .unreadable(error)
        }
    }

    private static func audience(
        _ bytes: [UInt8],
        at location: DeploymentLocation,
        _ error: DocumentError
    ) -> DeploymentAudience? {
        guard case .requiresUnknown(_, _, let features) = error,
            !features.contains(where: { $0.hasPrefix("schema") || $0.hasPrefix("selector") }),
            let value = try? JSONValue.parse(bytes, limits: SignedDocument.limits),
            let fields = try? JSONFields(value, path: "")
        else { return nil }
        return (try? DeploymentHead(fields, at: location))?.audience
    }

    package var audience: DeploymentAudience? {
        switch content {
        case .readable(let deployment): deployment.audience
        case .audienceOnly(let audience, _): audience
        case .unreadable: nil
        }
    }
}
