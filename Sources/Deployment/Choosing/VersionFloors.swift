package import BundleManifest

/// The oldest version of each bundle that one endpoint still takes; the caller keeps it.
///
/// Design section 6: "`minimumVersion` floor (only raised)". By bundle name, so that an endpoint can move to a bundle
/// of another name whose numbers start anew.
package struct VersionFloors: Hashable, Sendable {
    package private(set) var floors: [BundleName: BundleVersion]

    package init(_ floors: [BundleName: BundleVersion] = [:]) { self.floors = floors }

    package subscript(name: BundleName) -> BundleVersion? { floors[name] }

    /// With the floor that a deployment sets for the bundles it names; a lower one than known changes nothing.
    package func raised(by deployment: Deployment, naming names: Set<BundleName>) -> VersionFloors {
        guard let minimum = deployment.minimumVersion else { return self }
        var raised = self
        for name in names { raised.floors[name] = max(minimum, floors[name] ?? minimum) }
        return raised
    }

    /// The floor that a version lies below; nil where it may be taken.
    package func floor(above manifest: Manifest) -> BundleVersion? {
        floors[manifest.name].flatMap { manifest.version < $0 ? $0 : nil }
    }
}
