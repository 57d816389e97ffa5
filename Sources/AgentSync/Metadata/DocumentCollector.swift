internal import BundleManifest
internal import Deployment
internal import Digest
internal import EdgeAgent
internal import FileSystem
internal import JSON
internal import UpdateFramework

/// The documents of a repository that one box needs, verified.
struct CollectedDocuments {
    /// Bytes by target path: deployments, rollouts, revocations, acceptance documents, manifests.
    var documents: [String: [UInt8]] = [:]
    /// Of those, the ones that the store lacked.
    var fresh: Set<String> = []
    /// Where the manifests of the bundles lie that the box may want.
    var bundles: [SHA256Digest: AdmittedBundle] = [:]
    /// Bundles that the repository lists in a way that no box can take, and why.
    var unusable: [SHA256Digest: String] = [:]

    /// Paths that say what is wanted; manifests and acceptance documents follow from these.
    var standing: [String] {
        documents.keys.filter { path in
            DeploymentLocation(path: path) != nil || RolloutLocation(path: path) != nil || path == Revocations.path
        }.sorted()
    }
}

/// Finds and reads what this box needs, for `fetch` as well as for `admit`, so that the one brings what the other asks
/// for. What the store holds already is not read from the source again.
struct DocumentCollector {
    let box: BoxConfiguration
    let layout: StoreLayout
    let memory: SyncMemory
    /// What runs, by endpoint: its replacement may be wanted.
    let running: [EndpointName: SHA256Digest]
    /// The base of the targets.
    let source: any RepositoryTransport
    /// Whether the source may lack what deployments name, as media do that were made for one bundle. What says what is
    /// wanted must be there in any case.
    let isPartial: Bool
    private(set) var collected = CollectedDocuments()

    /// The most deployments that are read for one endpoint.
    static let mostDeployments = 2_000
    private static let documentBytes = 1 << 20
    private static let revocationBytes = 16 << 20

    init(
        box: BoxConfiguration,
        layout: StoreLayout,
        memory: SyncMemory,
        running: [EndpointName: SHA256Digest],
        source: any RepositoryTransport,
        isPartial: Bool = false
    ) {
        self.isPartial = isPartial
        self.box = box
        self.layout = layout
        self.memory = memory
        self.running = running
        self.source = source
    }

    /// - Parameter updater: refreshed.
    mutating func collect(_ updater: inout Updater) throws -> CollectedDocuments {
        collected = CollectedDocuments()
        if let path = TargetPath(Revocations.path), let target = try updater.find(path) {
            try take(target, updater, limitBytes: Self.revocationBytes)
        }
        for endpoint in box.endpoints.keys.sorted() {
            let folder = "deployments/\(box.channel.rawValue)/\(endpoint)"
            let listed = try updater.targets(below: folder) { path, _ in
                DeploymentLocation(path: path.text) != nil
            }
            guard listed.count <= Self.mostDeployments else {
                throw SyncFailure(
                    .refused("the repository lists \(listed.count) deployments below \(folder), more than are read"),
                    hint: "withdraw old ones: the newest of each audience is enough"
                )
            }
            for target in listed { try take(target, updater, limitBytes: Self.documentBytes) }
            let rollout = RolloutLocation(channel: box.channel, endpoint: endpoint).path
            if let path = TargetPath(rollout), let target = try updater.find(path) {
                try take(target, updater, limitBytes: Self.documentBytes)
            }
        }
        try takeWhatDeploymentsName(&updater)
        return collected
    }

    private mutating func takeWhatDeploymentsName(_ updater: inout Updater) throws {
        let reading = ReadDocuments(collected, box: box, memory: memory)
        var wanted: Set<SHA256Digest> = []
        for endpoint in box.endpoints.keys.sorted() {
            let known = memory.endpoints[SyncMemory.key(box.channel, endpoint)]
            let selection = DeploymentSelection.select(
                among: reading.deployments[endpoint] ?? [],
                labels: box.labels,
                accepted: known?.serials ?? AcceptedSerials()
            )
            var digests: [SHA256Digest] = []
            if case .selected(let deployment, _) = selection.outcome {
                digests = deployment.state.bundles + deployment.fallback
                if let acceptance = deployment.gates.acceptance {
                    let location = AcceptanceLocation(endpoint: endpoint, version: acceptance.version)
                    if let path = TargetPath(location.path), let target = try updater.find(path) {
                        try takeIfThere(target, updater, limitBytes: Self.documentBytes)
                    }
                }
            }
            let replaced = (digests + [running[endpoint]].compactMap { $0 }).compactMap {
                reading.revocations.known.replacement(for: $0)
            }
            wanted.formUnion(digests.filter { !reading.revocations.known.forbids($0) } + replaced)
        }
        try takeManifests(of: wanted, &updater)
    }

    /// A bundle counts only while the repository lists it. One that is installed was admitted by that rule, so a box at
    /// rest needs no metadata of bundles, which changes with everybody's work.
    private mutating func takeManifests(of wanted: Set<SHA256Digest>, _ updater: inout Updater) throws {
        var missing: Set<SHA256Digest> = []
        for digest in wanted.union(running.values) {
            let isInstalled = try FileSystem.status(of: layout.generation(digest)) != nil
            if isInstalled, let known = try AdmittedBundle.read(digest, from: layout),
                let bytes = try stored(known.path, digest)
            {
                collected.bundles[digest] = known
                collected.documents[known.path] = bytes
            } else if wanted.contains(digest) {
                missing.insert(digest)
            }
        }
        guard !missing.isEmpty else { return }
        let wantedNow = missing
        let listed = try updater.targets(below: "bundles") { _, file in
            file.hashes.sha256.map { wantedNow.contains($0) } ?? false
        }
        for target in listed {
            guard let digest = target.file.hashes.sha256, missing.contains(digest),
                let location = BundleLocation(path: target.path.text), target.file.length <= Manifest.limits.bytes
            else { continue }
            missing.remove(digest)
            do throws(JSONError) {
                let record = try BundleRecord(custom: target.file.custom)
                collected.bundles[digest] = AdmittedBundle(path: target.path.text, record: record)
            } catch {
                collected.unusable[digest] = "the repository does not say where it lies: \(error.message)"
                continue
            }
            try takeIfThere(target, updater, limitBytes: Manifest.limits.bytes)
            guard collected.documents[target.path.text] != nil else {
                collected.bundles[digest] = nil
                continue
            }
            collected.unusable[digest] = problem(of: location, target.path.text)
        }
    }

    /// Which team may publish which bundle is decided by the path, so the manifest must say the same.
    private func problem(of location: BundleLocation, _ path: String) -> String? {
        guard let bytes = collected.documents[path], let manifest = try? Manifest.parse(bytes) else { return nil }
        let said = BundleLocation(
            name: manifest.name,
            version: manifest.version,
            platform: manifest.platform.description
        )
        return said == location ? nil : "it lies at \(path) and says that it is \(said.path)"
    }

    /// The same for what a partial source may lack.
    private mutating func takeIfThere(_ target: FoundTarget, _ updater: Updater, limitBytes: Int) throws {
        do {
            try take(target, updater, limitBytes: limitBytes)
        } catch UpdateError.missing where isPartial {
            // Whatever needs it waits for it.
        }
    }

    /// Reads a target from the store where it is there as listed, else from the source.
    private mutating func take(_ target: FoundTarget, _ updater: Updater, limitBytes: Int) throws {
        let path = target.path.text
        guard collected.documents[path] == nil else { return }
        if let digest = target.file.hashes.sha256, let bytes = try stored(path, digest) {
            collected.documents[path] = bytes
            return
        }
        collected.documents[path] = try updater.contents(of: target, from: source, limitBytes: limitBytes)
        collected.fresh.insert(path)
    }

    /// A document of the store, where it has this digest.
    private func stored(_ path: String, _ digest: SHA256Digest) throws -> [UInt8]? {
        let place = layout.document(path)
        guard let status = try FileSystem.status(of: place), status.kind == .regular,
            status.size <= Self.revocationBytes
        else { return nil }
        let bytes = try FileSystem.read(place, limit: Self.revocationBytes)
        return SHA256.digest(bytes) == digest ? bytes : nil
    }
}
