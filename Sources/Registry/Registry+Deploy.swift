package import BundleManifest
package import Deployment
package import Digest
internal import FileSystem
internal import UpdateFramework

/// A deployment as the registry lists it.
package struct PublishedDeployment: Equatable, Sendable {
    package let document: Deployment
    package let digest: SHA256Digest
}

extension Registry {
    /// What an endpoint is to run, and by what plan; the serial and the digests are found here.
    package struct DeploymentRequest: Sendable {
        package enum Wish: Sendable {
            case bundle(BundleReference)
            case absent
        }

        package var channel: Channel
        package var endpoint: EndpointName
        package var wish: Wish
        package var reason: String
        package var author: String
        package var selector: Selector?
        package var priority = 0
        package var waves: [Wave] = []
        /// The version of the endpoint's acceptance set.
        package var acceptance: Int?
        package var thresholds: [Gates.Threshold] = []
        package var soak: Gates.Soak?
        package var fallback: [BundleReference] = []
        package var minimumVersion: BundleVersion?
        package var deadlineSeconds: Int?
        package var freshnessSeconds: Int?
        package var allowsInterfaceChange = false

        package init(channel: Channel, endpoint: EndpointName, wish: Wish, reason: String, author: String) {
            self.channel = channel
            self.endpoint = endpoint
            self.wish = wish
            self.reason = reason
            self.author = author
        }
    }

    /// Publishes the endpoint's next deployment. Nothing moves before its rollout is opened.
    ///
    /// - Parameter wanted: who is to list it; nil for the first that may and of which a key is here.
    package mutating func deploy(
        _ request: DeploymentRequest,
        as wanted: RegistryRole? = nil,
        keys: KeyFolder
    ) throws -> Changed<PublishedDeployment> {
        let view = self
        let next = DeploymentLocation(
            channel: request.channel,
            endpoint: request.endpoint,
            serial: Self.nextSerial(of: request.endpoint, in: request.channel, editor)
        )
        let role = try publisher(of: next.path, as: wanted, keys: keys)
        return try change(role, keys: keys) { editor in
            let earlier = view.deployments(of: request.endpoint, in: request.channel, editor)
            let serial = Self.nextSerial(of: request.endpoint, in: request.channel, editor)
            let document = try view.deployment(request, serial: serial, after: earlier.map(\.document), editor)
            let bytes = try document.encoded()
            let new = NewDocument(bytes, as: try targetPath(document.location.path))
            let published = PublishedDeployment(document: document, digest: SHA256.digest(bytes))
            return .listing([new], result: published)
        }
    }

    /// Above all that any role lists, also what can't be read here or found by a box.
    private static func nextSerial(of endpoint: EndpointName, in channel: Channel, _ editor: RepositoryEditor) -> Int {
        let listed = RoleLookup(editor.roles).listed(below: "deployments/\(channel.rawValue)/\(endpoint)")
        return (listed.compactMap { DeploymentLocation(path: $0.text)?.serial }.max() ?? 0) + 1
    }

    private func deployment(
        _ request: DeploymentRequest,
        serial: Int,
        after earlier: [Deployment],
        _ editor: RepositoryEditor
    ) throws -> Deployment {
        let state: Deployment.State
        switch request.wish {
        case .absent: state = .absent
        case .bundle(let reference):
            let bundles = try Self.bundles(meantBy: reference, in: editor)
            try checkAllowed(bundles, after: earlier, editor)
            state = .bundles(bundles.map(\.digest))
        }
        var document = Deployment(
            location: DeploymentLocation(channel: request.channel, endpoint: request.endpoint, serial: serial),
            state: state,
            reason: request.reason,
            author: request.author
        )
        document.selector = request.selector
        document.priority = request.priority
        document.waves = request.waves
        document.gates.thresholds = request.thresholds
        document.gates.soak = request.soak
        if let version = request.acceptance {
            let acceptance = try acceptance(of: request.endpoint, version: version, editor)
            document.gates.acceptance = Gates.AcceptanceReference(version: version, digest: acceptance.digest)
        }
        for reference in request.fallback {
            let bundles = try Self.bundles(meantBy: reference, in: editor)
            try checkAllowed(bundles, after: [], editor)
            document.fallback += bundles.map(\.digest)
        }
        document.minimumVersion = request.minimumVersion
        document.deadlineSeconds = request.deadlineSeconds
        document.freshnessSeconds = request.freshnessSeconds
        document.allowsInterfaceChange = request.allowsInterfaceChange
        return document
    }

    /// A box would refuse these; better that their operator hears it.
    private func checkAllowed(
        _ bundles: [PublishedBundle],
        after earlier: [Deployment],
        _ editor: RepositoryEditor
    ) throws {
        let revoked = try revocations(in: editor).entries
        for bundle in bundles {
            let name = "\(bundle.location.name)@\(bundle.location.version)"
            if let entry = revoked[bundle.digest] { throw RegistryError.revoked(bundle: name, reason: entry.reason) }
            if let floor = earlier.compactMap(\.minimumVersion).max(), bundle.location.version < floor {
                throw RegistryError.belowFloor(bundle: name, floor: floor)
            }
        }
    }

    /// An endpoint's deployments in the order of their serials.
    package func deployments(of endpoint: EndpointName, in channel: Channel) -> [PublishedDeployment] {
        deployments(of: endpoint, in: channel, editor)
    }

    func deployments(
        of endpoint: EndpointName?,
        in channel: Channel,
        _ editor: RepositoryEditor
    ) -> [PublishedDeployment] {
        var found: [PublishedDeployment] = []
        let folder = "deployments/\(channel.rawValue)" + (endpoint.map { "/\($0)" } ?? "")
        for target in RoleLookup(editor.roles).targets(below: folder) {
            let path = target.path.text
            guard let location = DeploymentLocation(path: path), let digest = target.file.hashes.sha256,
                // What can't be read, a later program may have written.
                let document = try? Deployment.parse(try document(path, target.file), at: location)
            else { continue }
            found.append(PublishedDeployment(document: document, digest: digest))
        }
        return found.sorted {
            let (left, right) = ($0.document.location, $1.document.location)
            return (left.endpoint, left.serial) < (right.endpoint, right.serial)
        }
    }
}

// MARK: rollouts

extension Registry {
    /// What a rollout is to be from now on.
    package struct RolloutRequest: Sendable {
        package var channel: Channel
        package var endpoint: EndpointName
        package var state: Rollout.State
        /// The last wave that is open; nil leaves it as it is, or opens the first of a new deployment.
        package var openWave: String?
        package var reason: String?

        package init(channel: Channel, endpoint: EndpointName, state: Rollout.State) {
            self.channel = channel
            self.endpoint = endpoint
            self.state = state
        }
    }

    /// Moves, pauses or aborts the endpoint's newest deployment, or opens it. Its epoch is above the last one's.
    ///
    /// Throws `notPublished` where nothing is deployed, `noSuchWave` for a wave that was not signed.
    ///
    /// - Parameter wanted: who is to list it; nil for the first that may and of which a key is here.
    package mutating func roll(
        _ request: RolloutRequest,
        as wanted: RegistryRole? = nil,
        keys: KeyFolder
    ) throws -> Changed<Rollout> {
        let view = self
        let place = RolloutLocation(channel: request.channel, endpoint: request.endpoint)
        let role = try publisher(of: place.path, as: wanted, keys: keys)
        return try change(role, keys: keys) { editor in
            let deployments = view.deployments(of: request.endpoint, in: request.channel, editor)
            guard let newest = deployments.last else {
                let what = "a deployment of endpoint \(request.endpoint) in channel \(request.channel.rawValue)"
                throw RegistryError.notPublished(what: what, known: [])
            }
            let previous = view.rollout(at: place, editor)
            let rollout = try Self.next(request, newest, previous, among: deployments)
            let new = NewDocument(try rollout.encoded(), as: try targetPath(place.path))
            return .listing([new], result: rollout)
        }
    }

    private static func next(
        _ request: RolloutRequest,
        _ newest: PublishedDeployment,
        _ previous: Rollout?,
        among deployments: [PublishedDeployment]
    ) throws(RegistryError) -> Rollout {
        let waves = newest.document.effectiveWaves.map(\.name)
        let isSame = previous?.deployment == newest.digest
        let open = request.openWave ?? (isSame ? previous?.openWave : nil) ?? waves.first
        if let open, !waves.contains(open) { throw .noSuchWave(name: open, known: waves) }
        if isSame, previous?.state == .aborted, request.state != .aborted {
            throw .contradiction("deployment \(newest.document.location.serial) was aborted and stays so: deploy again")
        }
        // A stolen key may have used up the numbers; a new serial may begin anew.
        let last = previous?.epoch ?? 0
        let epoch = isSame || last < 1 << 40 ? last + 1 : 1
        var rollout = Rollout(
            location: RolloutLocation(channel: request.channel, endpoint: request.endpoint),
            deployment: newest.digest,
            serial: newest.document.location.serial,
            epoch: epoch,
            state: request.state,
            openWave: open
        )
        rollout.reason = request.reason
        guard let previous else { return rollout }
        // What is carried out stands on for boxes that the newest deployment is not meant for.
        let known = Dictionary(deployments.map { ($0.digest, $0.document) }) { first, _ in first }
        var completed = previous.completed
        if !isSame, let document = known[previous.deployment], previous.state == .running,
            previous.openWave == document.effectiveWaves.last?.name
        {
            completed.append(Rollout.Completed(deployment: previous.deployment, serial: previous.serial))
        }
        rollout.completed = completed.filter { entry in
            known[entry.deployment].map { $0.audience != newest.document.audience } ?? false
        }
        return rollout
    }

    package func rollout(at location: RolloutLocation) -> Rollout? { rollout(at: location, editor) }

    /// Nil as well where it can't be read: a box then holds still, and the next one takes its place.
    func rollout(at location: RolloutLocation, _ editor: RepositoryEditor) -> Rollout? {
        guard let found = RoleLookup(editor.roles).find(location.path) else { return nil }
        return try? Rollout.parse(try document(location.path, found.file), at: location)
    }

    /// Whether a key is here that may open the endpoint's rollout.
    package func canRoll(_ endpoint: EndpointName, in channel: Channel, keys: KeyFolder) throws -> Bool {
        let path = try targetPath(RolloutLocation(channel: channel, endpoint: endpoint).path)
        let roles = lookup.roles(covering: path).compactMap { RegistryRole($0.text) }
        return try roles.contains { try holdsKey(of: $0, keys) }
    }
}

// MARK: revocations

extension Registry {
    /// What is to become of bundles that must not run any more.
    package enum RevocationRequest: Sendable {
        case refuse
        case stop
        case replace(by: BundleReference)
        /// Takes a revocation back.
        case lift
    }

    /// Revokes bundles, or takes that back. Returns the bundles' digests.
    package mutating func revoke(
        _ reference: BundleReference,
        _ request: RevocationRequest,
        reason: String,
        keys: KeyFolder
    ) throws -> Changed<[SHA256Digest]> {
        let view = self
        return try change(.targets, keys: keys) { editor in
            let meant = try view.revocable(reference, editor)
            var revocations = try view.revocations(in: editor)
            let before = revocations
            for (digest, platform) in meant {
                switch request {
                case .lift: revocations.entries[digest] = nil
                case .refuse: revocations.entries[digest] = Revocations.Entry(action: .refuse, reason: reason)
                case .stop: revocations.entries[digest] = Revocations.Entry(action: .stop, reason: reason)
                case .replace(let other):
                    let by = try Self.replacement(other, for: digest, platform, editor)
                    revocations.entries[digest] = Revocations.Entry(action: .replace(by: by), reason: reason)
                }
            }
            let digests = meant.map(\.digest)
            if revocations == before { return Change(result: digests, edit: nil) }
            let bytes = try revocations.encoded()
            // Read again as a box reads it.
            _ = try Revocations.parse(bytes)
            let new = NewDocument(bytes, as: try targetPath(Revocations.path))
            return .listing([new], result: digests)
        }
    }

    /// A digest may be revoked though nothing of it is published here: it may run somewhere.
    private func revocable(
        _ reference: BundleReference,
        _ editor: RepositoryEditor
    ) throws -> [(digest: SHA256Digest, platform: String?)] {
        if case .digest(let digest) = reference {
            let known = Self.bundles(in: editor).first { $0.digest == digest }
            return [(digest, known?.location.platform)]
        }
        return try Self.bundles(meantBy: reference, in: editor).map { ($0.digest, $0.location.platform) }
    }

    private static func replacement(
        _ reference: BundleReference,
        for digest: SHA256Digest,
        _ platform: String?,
        _ editor: RepositoryEditor
    ) throws -> SHA256Digest {
        let candidates = try bundles(meantBy: reference, in: editor)
        let fitting = candidates.first { $0.location.platform == platform }
        guard let chosen = fitting ?? (candidates.count == 1 ? candidates.first : nil) else {
            throw RegistryError.contradiction(
                "\(reference) has no bundle for \(platform ?? "the platform of sha256:\(digest)"); name one by its digest"
            )
        }
        guard chosen.digest != digest else {
            throw RegistryError.contradiction("\(reference) can't take its own place")
        }
        return chosen.digest
    }

    package var revocations: Revocations { get throws { try revocations(in: editor) } }

    func revocations(in editor: RepositoryEditor) throws -> Revocations {
        guard let file = editor.roles[.targets]?.targets[Revocations.path] else { return Revocations() }
        return try Revocations.parse(try document(Revocations.path, file))
    }
}
