internal import Digest
internal import FleetProtocol

/// The bundles of the simulated boxes. None of them exists; a digest is that of the bundle's title.
struct SimulatedBundle: Hashable, Sendable {
    let name: String
    let version: Int

    /// In what a box says.
    func report(serial: Int?) -> BundleReport {
        BundleReport(
            digest: SHA256.digest("\(name)@\(version)".utf8),
            name: name,
            version: String(version),
            serial: serial
        )
    }
}
