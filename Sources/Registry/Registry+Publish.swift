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
    package mutating func publish(
        _ path: String,
        note: PublishingNote,
        keys: KeyFolder,
        threads: Int
    ) throws -> Changed<Publishing> {
        _ = try signer(of: .bundles, keys)
        let archive = try BundleReader(threads: threads).read(path, visitor: CheckingVisitor())
        let manifest = archive.head.manifest
        let location = BundleLocation(
            name: manifest.name,
            version: manifest.version,
            platform: manifest.platform.description
        )
        try Self.refuseOther(archive.head.digest, at: location, in: editor)
        let blob = try storeBlob(archive, path)
        let signatures = try archive.appended.filter { $0.tag == AppendedFrame.signatureTag }
            .map { try blobs.store($0.body) }
        let target = try targetPath(location.path)
        let now = now
        return try change(.bundles, keys: keys) { editor in
            try Self.refuseOther(archive.head.digest, at: location, in: editor)
            let known = Self.bundles(in: editor).first { $0.location == location }
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
        guard let published = bundles(in: editor).first(where: { $0.location == location }) else { return }
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
        func isNew(_ role: RoleName) -> Bool {
            editor.roles[role].map { committed?[role]?.version != $0.version } ?? false
        }
        let bundleRoles = editor.roles.keys.filter { $0.text.hasPrefix(RegistryRole.bundles.text) }
        for bundle in bundleRoles.contains(where: isNew) ? bundles : [] {
            for blob in [bundle.record.archive] + bundle.record.signatures { try look(blob, bundle.location.path) }
        }
        for acceptance in isNew(RegistryRole.acceptance.name) ? acceptances : [] {
            let document = acceptance.document
            try look(BundleRecord.Blob(digest: document.data, bytes: document.dataBytes), document.location.path)
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
