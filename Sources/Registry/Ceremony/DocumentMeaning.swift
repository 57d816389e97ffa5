internal import BundleManifest
internal import Deployment
package import Digest
internal import JSON
package import UpdateFramework

/// What the registry's documents mean, for the person who is to sign them: sentences made from the bytes that are
/// signed. A document that says more than the sentences do is shown as it is, too.
package enum DocumentMeaning {
    /// For `Proposal.review`.
    package static func explain(_ change: DocumentChange, _ attachments: [SHA256Digest: [UInt8]]) -> [String]? {
        let named = Named(attachments: attachments)
        if let location = BundleLocation(path: change.path) { return bundle(change, at: location) }
        // Nothing but its custom metadata has changed, which these documents don't have.
        guard let contents = change.contents else { return nil }
        guard let words = document(change, contents, attachments, named) else { return nil }
        guard let custom = change.new?.custom, change.old?.custom != custom else { return words }
        return words + [
            "with custom metadata \(String(decoding: JSONValue.object(custom).compactBytes(), as: UTF8.self))"
        ]
    }

    private static func document(
        _ change: DocumentChange,
        _ contents: [UInt8],
        _ attachments: [SHA256Digest: [UInt8]],
        _ named: Named
    ) -> [String]? {
        if let location = DeploymentLocation(path: change.path) {
            return deployment(contents, at: location, named)
        }
        if let location = RolloutLocation(path: change.path) {
            return rollout(contents, at: location, named)
        }
        if let location = AcceptanceLocation(path: change.path) { return acceptance(contents, at: location) }
        if change.path == Revocations.path {
            let before = change.old?.hashes.sha256.flatMap { attachments[$0] }
            let words = revocations(contents, before: before, named)
            guard change.old != nil, before == nil else { return words }
            return words + ["what was revoked before is not here: all of it that isn't named above is allowed again"]
        }
        if change.path == RegistryPolicy.path { return policy(contents) }
        return nil
    }

    /// What digests are of, by what a proposal brings along; a digest that it explains nothing of stands for itself.
    private struct Named {
        let attachments: [SHA256Digest: [UInt8]]

        func bundle(_ digest: SHA256Digest) -> String {
            guard let bytes = attachments[digest], let manifest = try? Manifest.parse(bytes) else {
                return "bundle sha256:\(digest)"
            }
            return "bundle \(manifest.name)@\(manifest.version) for \(manifest.platform) sha256:\(digest)"
        }
    }

    private static func unreadable(_ error: any Error, _ contents: [UInt8]) -> [String] {
        ["it can't be read here: \(error)", whole(contents)]
    }

    private static func whole(_ contents: [UInt8]) -> String {
        "in full: \(String(decoding: contents, as: UTF8.self))"
    }

    // MARK: documents

    private static func bundle(_ change: DocumentChange, at location: BundleLocation) -> [String]? {
        guard let file = change.new, let record = try? BundleRecord(custom: file.custom) else { return nil }
        var words = ["bundle \(location.name)@\(location.version) for \(location.platform)"]
        if let contents = change.contents {
            let manifest = try? Manifest.parse(contents)
            let isOfIt =
                manifest?.name == location.name && manifest?.version == location.version
                && manifest?.platform.description == location.platform
            if !isOfIt { words.append("its manifest is not one of that name, version and platform") }
        }
        words.append("published \(record.published) by \(record.publisher)" + (record.reason.map { ": \($0)" } ?? ""))
        words.append("archive blobs/\(record.archive.digest), \(record.archive.bytes) bytes")
        for signature in record.signatures { words.append("signature blobs/\(signature.digest)") }
        for (name, value) in record.tags.sorted(by: { $0.key < $1.key }) { words.append("tag \(name)=\(value)") }
        if file.custom != record.custom, let custom = file.custom {
            words.append(whole(JSONValue.object(custom).compactBytes()))
        }
        return words
    }

    private static func deployment(_ contents: [UInt8], at location: DeploymentLocation, _ named: Named) -> [String] {
        let document: Deployment
        do { document = try Deployment.parse(contents, at: location) } catch { return unreadable(error, contents) }
        var words: [String] = []
        let what = "deployment \(location.serial) of \(location.endpoint) in \(location.channel.rawValue)"
        switch document.state {
        case .absent: words.append("\(what): the endpoint is taken away")
        case .bundles(let digests):
            words.append("\(what): " + digests.map(named.bundle).joined(separator: ", or "))
        }
        words.append("reason: \(document.reason); by \(document.author)")
        words.append("to \(document.selector.map { "boxes with \($0)" } ?? "all boxes"), priority \(document.priority)")
        for wave in document.effectiveWaves { words.append("wave \(wave.name): \(members(of: wave))") }
        if let acceptance = document.gates.acceptance {
            words.append("must pass acceptance set \(acceptance.version) sha256:\(acceptance.digest)")
        }
        if let soak = document.gates.soak {
            words.append("observed for \(soak.seconds) s and \(soak.minimumSamples) samples")
        }
        for limit in document.gates.thresholds {
            words.append("\(limit.measure.rawValue) at most \(limit.maximum) from \(limit.minimumSamples) samples on")
        }
        if !document.fallback.isEmpty {
            words.append("falls back to " + document.fallback.map(named.bundle).joined(separator: ", or "))
        }
        if let floor = document.minimumVersion { words.append("no version below \(floor) is taken from now on") }
        if let deadline = document.deadlineSeconds { words.append("a box may work on it for \(deadline) s") }
        if let freshness = document.freshnessSeconds {
            words.append("activated where the timestamp was verified within \(freshness) s")
        }
        if document.allowsInterfaceChange { words.append("a bundle of another interface epoch is allowed") }
        if (try? Self.plain(document).encoded()) != contents { words.append(whole(contents)) }
        return words
    }

    /// With that alone that has words above.
    private static func plain(_ document: Deployment) -> Deployment {
        var plain = Deployment(
            location: document.location,
            state: document.state,
            reason: document.reason,
            author: document.author
        )
        plain.selector = document.selector
        plain.priority = document.priority
        plain.waves = document.waves.filter { $0.notBefore == nil }
        plain.gates.acceptance = document.gates.acceptance
        plain.gates.soak = document.gates.soak
        plain.gates.thresholds = document.gates.thresholds
        plain.fallback = document.fallback
        plain.minimumVersion = document.minimumVersion
        plain.deadlineSeconds = document.deadlineSeconds
        plain.freshnessSeconds = document.freshnessSeconds
        plain.allowsInterfaceChange = document.allowsInterfaceChange
        return plain
    }

    private static func members(of wave: Wave) -> String {
        switch wave.members {
        case .percent(let percent): "\(percent) of the boxes"
        case .devices(let devices): "boxes \(devices.sorted().map(\.text).joined(separator: ", "))"
        case .labels(let selector): "boxes with \(selector)"
        }
    }

    private static func rollout(_ contents: [UInt8], at location: RolloutLocation, _ named: Named) -> [String] {
        let document: Rollout
        do { document = try Rollout.parse(contents, at: location) } catch { return unreadable(error, contents) }
        let deployed = DeploymentLocation(
            channel: location.channel,
            endpoint: location.endpoint,
            serial: document.serial
        )
        var words = [
            "rollout of \(location.endpoint) in \(location.channel.rawValue): deployment \(document.serial) is "
                + "\(document.state.rawValue), open up to \(document.openWave ?? "no wave"), epoch \(document.epoch)"
        ]
        words.append("deployment sha256:\(document.deployment)")
        if let bytes = named.attachments[document.deployment],
            let deployment = try? Deployment.parse(bytes, at: deployed)
        {
            words.append("which is " + (deployment.state.bundles.map(named.bundle).joined(separator: ", or ")))
        }
        if let reason = document.reason { words.append("reason: \(reason)") }
        for earlier in document.completed {
            words.append("deployment \(earlier.serial) stands on for its own boxes, sha256:\(earlier.deployment)")
        }
        if (try? document.encoded()) != contents { words.append(whole(contents)) }
        return words
    }

    private static func acceptance(_ contents: [UInt8], at location: AcceptanceLocation) -> [String] {
        let document: Acceptance
        do { document = try Acceptance.parse(contents, at: location) } catch { return unreadable(error, contents) }
        var bar: [String] = []
        if let value = document.bar.absolute {
            bar.append("at \(document.metric.moreIsBetter ? "least" : "most") \(value)")
        }
        if let value = document.bar.againstIncumbent { bar.append("at most \(value) worse than what runs") }
        var words = [
            "acceptance set \(location.version) of \(location.endpoint): \(document.metric.name) "
                + bar.joined(separator: " and ")
        ]
        if let output = document.output { words.append("judges the output \(output)") }
        words.append("\(document.records) records in blobs/\(document.data), \(document.dataBytes) bytes")
        if (try? document.encoded()) != contents { words.append(whole(contents)) }
        return words
    }

    private static func revocations(_ contents: [UInt8], before: [UInt8]?, _ named: Named) -> [String] {
        let (old, new): (Revocations?, Revocations)
        do {
            old = try before.map { try Revocations.parse($0) }
            new = try Revocations.parse(contents)
        } catch {
            return unreadable(error, contents)
        }
        var words: [String] = []
        for (digest, entry) in new.entries.sorted(by: { $0.key.hex < $1.key.hex }) where old?.entries[digest] != entry {
            let action =
                switch entry.action {
                case .refuse: "refuses"
                case .stop: "stops"
                case .replace(let other): "puts \(named.bundle(other)) in the place of"
                }
            words.append("\(action) \(named.bundle(digest)): \(entry.reason)")
        }
        for (digest, _) in (old?.entries ?? [:]).sorted(by: { $0.key.hex < $1.key.hex })
        where new.entries[digest] == nil {
            words.append("allows \(named.bundle(digest)) again")
        }
        if words.isEmpty { words.append("revokes \(new.entries.isEmpty ? "nothing" : "what was revoked before")") }
        if (try? new.encoded()) != contents { words.append(whole(contents)) }
        return words
    }

    private static func policy(_ contents: [UInt8]) -> [String] {
        let policy: RegistryPolicy
        do { policy = try RegistryPolicy.parse(contents) } catch { return unreadable(error, contents) }
        func days(_ duration: Duration) -> String { "\(duration.components.seconds) s" }
        var words = [
            "what is signed is good for: root \(days(policy.root)), targets and the roles below \(days(policy.targets)), "
                + "snapshot \(days(policy.snapshot)), timestamp \(days(policy.timestamp))",
            "boxes look for news every \(days(policy.poll))",
        ]
        if (try? policy.encoded()) != contents { words.append(whole(contents)) }
        return words
    }
}

// MARK: what they refer to

extension Registry {
    /// The most that is brought along for words.
    private static let attachmentBytes = 8 << 20

    /// What the documents of a staged version refer to, so that its signer can be told more than digests: manifests,
    /// deployments, and the documents in whose places they come.
    func attachments(of staged: StagedVersion, _ documents: [NewDocument]) throws -> [[UInt8]] {
        let known = editor.roles[staged.role]?.targets ?? [:]
        let found = RoleLookup(editor.roles)
        var references: Set<SHA256Digest> = []
        var attachments: [[UInt8]] = []
        for document in documents {
            let path = document.path.text
            references.formUnion(Self.references(of: document))
            if let old = known[path] ?? found.find(path)?.file, old.hashes != document.file.hashes,
                let bytes = try? self.document(path, old)
            {
                attachments.append(bytes)
                // Of revocations that are taken back, too.
                let before = NewDocument(bytes, as: document.path)
                references.formUnion(Self.references(of: before))
            }
        }
        guard !references.isEmpty else { return attachments }
        // A rollout names a deployment, which names bundles.
        for folder in ["deployments", "acceptance", "bundles"] {
            for target in found.targets(below: folder) {
                guard let digest = target.file.hashes.sha256, references.contains(digest),
                    let bytes = try? self.document(target.path.text, target.file)
                else { continue }
                attachments.append(bytes)
                if folder == "deployments" {
                    references.formUnion(Self.references(of: NewDocument(bytes, as: target.path)))
                }
            }
        }
        var total = 0
        return attachments.filter { bytes in
            total += bytes.count
            return total <= Self.attachmentBytes
        }
    }

    private static func references(of document: NewDocument) -> Set<SHA256Digest> {
        let (path, bytes) = (document.path.text, document.contents)
        if let location = DeploymentLocation(path: path), let document = try? Deployment.parse(bytes, at: location) {
            return Set(
                document.state.bundles + document.fallback + [document.gates.acceptance?.digest].compactMap { $0 }
            )
        }
        if let location = RolloutLocation(path: path), let document = try? Rollout.parse(bytes, at: location) {
            return [document.deployment]
        }
        if path == Revocations.path, let document = try? Revocations.parse(bytes) {
            var digests = Set(document.entries.keys)
            for entry in document.entries.values {
                if case .replace(let other) = entry.action { digests.insert(other) }
            }
            return digests
        }
        return []
    }
}
