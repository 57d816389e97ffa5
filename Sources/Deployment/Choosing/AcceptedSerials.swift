package import Digest

/// The highest serial that a box has accepted for each audience of one channel and endpoint; the caller keeps it.
///
/// Design section 6: "serial only rises". Kept by audience and not by endpoint alone: a box whose labels move it from
/// the audience of deployment 5 to that of deployment 4 is to follow 4 ("a hostile server can only reshuffle what is
/// already signed"), while 4 never comes back where 5 has replaced it.
package struct AcceptedSerials: Hashable, Sendable {
    /// By ``DeploymentAudience/digest``.
    package private(set) var highest: [SHA256Digest: Int]

    package init(_ highest: [SHA256Digest: Int] = [:]) { self.highest = highest }

    /// The serial already accepted for the audience where `serial` lies below it; nil where it may be followed.
    package func newer(than serial: Int, for audience: DeploymentAudience) -> Int? {
        highest[audience.digest].flatMap { $0 > serial ? $0 : nil }
    }

    package mutating func accept(_ serial: Int, for audience: DeploymentAudience) {
        highest[audience.digest] = max(serial, highest[audience.digest] ?? 0)
    }
}
