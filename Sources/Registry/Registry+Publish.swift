internal import BundleFormat
internal import BundleManifest
internal import Deployment
internal import Digest
internal import FileSystem
internal import UpdateFramework

extension Registry {
    /// Who publishes a bundle, and why.
    package struct PublishingNote: Sendable {
        package var publisher: String
        package var reason: String?
        package var tags: [String: String]

        package init(publisher: String, reason: String? = nil, tags: [String: String] = [:]) {
            self.publisher = publisher
            self.reason = reason
            self.tags = tags
        }
    }

    package struct Publishing: Sendable {
        package enum Effect: Equatable, Sendable {
            case published
            /// It was there; these signatures were not.
            case countersigned(Int)
            case nothingNew
        }

        package let bundle: PublishedBundle
        package let effect: Effect
    }

    /// Publishes a bundle file: checks every byte, stores the file as it was built and the signatures behind it as blobs,
    /// and lists the manifest. `commit` puts it into effect.
    ///
    /// Throws `versionTaken` where other content is published under its name, version and platform.
    ///
    /// - Parameter wanted: who is to list it; nil for the first that may and of which a key is here.
    package mutating func publish(
        _ path: String,
        note: PublishingNote,
        as wanted: RegistryRole? = nil,
        keys: KeyFolder,
        threads: Int
    ) throws -> Changed<Publishing> {
        let head = try BundleReader(threads: 1).readHead(path).manifest
        let role = try publisher(of: Self.location(of: head).path, as: wanted, keys: keys)
        try requireKey(of: role, keys)
        let archive = try BundleReader(threads: threads).read(path, visitor: CheckingVisitor())
        let location = Self.location(of: archive.head.manifest)
        try Self.refuseOther(archive.head.digest, at: location, in: editor)
        let blob = try storeBlob(archive, path)
        let signatures = try archive.appended.filter { $0.tag == AppendedFrame.signatureTag }
            .map { try blobs.store($0.body) }
        let target = try targetPath(location.path)
        let now = now
        return try change(role, keys: keys) { editor in
            try Self.refuseOther(archive.head.digest, at: location, in: editor)
            let known = Self.bundle(at: location, in: editor)
            var record =
                known?.record
                ?? BundleRecord(
                    archive: blob,
                    publisher: note.publisher,
                    published: now,
                    reason: note.reason,
                    tags: note.tags
                )
            let fresh = signatures.filter { !record.signatures.contains($0) }
            record.signatures += fresh
            // The archive that was published was lost, and came back from another compressor.
            let isRestored = record.archive != blob
            record.archive = blob
            let effect: Publishing.Effect =
                known == nil || isRestored ? .published : fresh.isEmpty ? .nothingNew : .countersigned(fresh.count)
            let bundle = PublishedBundle(location: location, digest: archive.head.digest, record: record)
            let result = Publishing(bundle: bundle, effect: effect)
            if effect == .nothingNew { return Change(result: result, edit: nil) }
            let new = NewDocument(archive.head.manifestBytes, as: target, custom: record.custom)
            return .listing([new], result: result)
        }
    }

    private static func location(of manifest: Manifest) -> BundleLocation {
        BundleLocation(name: manifest.name, version: manifest.version, platform: manifest.platform.description)
    }

    /// The built file, as the strict reader saw it. Another archive of the same bundle, as another compressor makes it,
    /// doesn't take the place of the published one.
    private func storeBlob(_ archive: BundleReader.Archive, _ path: String) throws -> BundleRecord.Blob {
        let known = bundles.first { $0.digest == archive.head.digest }
        if let known, try blobs.holds(known.record.archive) { return known.record.archive }
        let parts = [
            (archive.builtSize - archive.indexSize, archive.contentDigest), (archive.indexSize, archive.indexDigest),
        ]
        return try blobs.store(path, parts: parts)
    }

    private static func refuseOther(
        _ digest: SHA256Digest,
        at location: BundleLocation,
        in editor: RepositoryEditor
    ) throws {
        guard let published = bundle(at: location, in: editor) else { return }
        guard published.digest == digest else {
            throw RegistryError.versionTaken(path: location.path, published: published.digest, offered: digest)
        }
    }

    /// The blobs that roles name that are not in effect yet, and that are not there; sentences for the keeper. They keep
    /// nothing from being committed, or one publisher could hold up another's revocation; a box that wants such a bundle
    /// waits for it.
    package func missingBlobs() throws -> [String] {
        var missing: [String] = []
        func look(_ blob: BundleRecord.Blob, _ path: String) throws {
            if try !blobs.holds(blob) { missing.append("\(blob.path) is missing, and \(path) names it") }
        }
        let committed = editor.snapshot?.body
        let fresh = Set(editor.roles.filter { committed?[$0.key]?.version != $0.value.version }.keys)
        guard !fresh.isEmpty else { return [] }
        let found = lookup.targets(below: "bundles") + lookup.targets(below: "acceptance")
        for target in found where fresh.contains(target.role) {
            if let bundle = Self.bundle(target) {
                for blob in [bundle.record.archive] + bundle.record.signatures { try look(blob, target.path.text) }
            } else if let document = acceptance(target)?.document {
                try look(BundleRecord.Blob(digest: document.data, bytes: document.dataBytes), target.path.text)
            }
        }
        return missing
    }
}

/// Checks without keeping anything.
private final class CheckingVisitor: BundleVisitor {
    func begin(_ head: BundleHead) throws {}
    func begin(_ file: TableOfContents.File, in component: ComponentName) throws {}
    func content(_ bytes: [UInt8]) throws {}
    func endFile() throws {}
}
