package import Deployment
package import Digest

/// Where everything of a box lies: the one place that knows the names of files in the store.
///
/// Design section 7. `endpoints/` is written by the resident agent alone; `tuf/`, `cas/` and `generations/` by
/// `edgeagent-sync admit` alone; `inbox/` by `edgeagent-sync fetch` alone, but for the labels, which `report` brings.
package struct StoreLayout: Hashable, Sendable {
    /// The format of what is below, MAJOR.MINOR: every minor of one's major is read.
    package static let format = "1.0"

    /// The store's own folder, `/var/lib/edgeagent`.
    package let root: String

    package init(_ root: String) { self.root = root }

    private func path(_ parts: String...) -> String { ([root] + parts).joined(separator: "/") }

    /// `{"format":"1.0"}`.
    package var format: String { path("store.json") }
    /// ``BoxConfiguration``, made from the configuration by `edgeagent-sync configure`.
    package var box: String { path("box.json") }

    /// ``SyncProblem``; not there while the repository can be followed.
    package var syncProblem: String { path("sync.json") }

    /// What was verified: metadata, documents, and what they mean for this box.
    package var trust: String { path("tuf") }
    package var metadata: String { path("tuf", "metadata") }
    /// Verified documents, below it by their target path.
    package var documents: String { path("tuf", "targets") }
    package func document(_ targetPath: String) -> String { path("tuf", "targets", targetPath) }
    /// ``SyncPlan``.
    package var plan: String { path("tuf", "plan.json") }
    /// What only rises or is drawn once: serials, floors, epochs, places in waves, the clock's floor.
    package var memory: String { path("tuf", "memory.json") }
    /// ``inboxLabels`` as they count: what the fleet calls the box by, kept for when there is no fleet to ask.
    package var labels: String { path("tuf", "labels.json") }

    /// Contents by digest: `SHA256`, or `SHA256.x` for what may be executed.
    package var contents: String { path("cas") }
    package var generations: String { path("generations") }
    /// The tree that a runtime serves.
    package func generation(_ bundle: SHA256Digest) -> String { path("generations", bundle.hex) }

    /// What was fetched and nobody has judged: a partial mirror of the repository.
    package var inbox: String { path("inbox") }
    /// `{"labels":{…}}`: what the fleet calls the box by, as `report` was last told.
    package var inboxLabels: String { path("inbox", "labels.json") }

    /// Whom the box reports to, for its owner only.
    package var fleet: String { path("fleet") }
    /// ``FleetSettings``; not there where the box is not enrolled.
    package var fleetSettings: String { path("fleet", "fleet.json") }
    /// The box's private key and its certificate, in one file.
    package var identity: String { path("fleet", "identity.pem") }
    /// The key of an enrolment under way, so that one that was cut off goes on with it.
    package var enrolmentKey: String { path("fleet", "enrolling.pem") }
    /// A root that the fleet sent, until it is trusted.
    package var enrolmentRoot: String { path("fleet", "root.json") }

    /// What waits to be sent to the fleet (docs/telemetry.md): the resident writes it, `edgeagent-sync report` reads.
    package var spool: String { path("spool") }
    /// A spool that could not be used; the last one is kept.
    package var damagedSpool: String { path("spool.damaged") }
    /// ``ReportMarks``: which steps of updates are in the spool.
    package var reportMarks: String { path("reported.json") }

    package var endpoints: String { path("endpoints") }
    package func endpoint(_ name: EndpointName) -> String { path("endpoints", name.text) }
    /// ``EndpointState``.
    package func state(_ name: EndpointName) -> String { path("endpoints", name.text, "state") }
    /// What the runtime of a slot printed.
    package func log(_ name: EndpointName, _ slot: Slot) -> String {
        path("endpoints", name.text, "\(slot.rawValue).log")
    }
    /// What the last check of a candidate printed beside its record.
    package func checkLog(_ name: EndpointName) -> String { path("endpoints", name.text, "check.log") }
    /// What a failed update's runtime printed, kept.
    package func failureLog(_ name: EndpointName) -> String { path("endpoints", name.text, "failed.log") }

    /// Sockets; gone after a boot, and nothing is lost with them.
    package var sockets: String { path("run") }
    /// Where the resident agent takes wishes.
    package var agentSocket: String { path("run", "agent") }
    /// Where the runtime of a slot is told what to do.
    package func control(_ name: EndpointName, _ slot: Slot) -> String { path("run", "\(name.text).\(slot.rawValue)") }
    package func controls(_ name: EndpointName) -> [String] { Slot.allCases.map { control(name, $0) } }
    /// What the kernel takes as the path of a socket, in bytes (unix(7)).
    package static let longestSocketPath = 107
    /// Held by whoever writes `endpoints/`: one agent for one store.
    package var lock: String { path("agent.lock") }
}
