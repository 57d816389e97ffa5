package import BundleFormat
package import BundleManifest
package import Crypto
internal import Digest
internal import FileSystem

/// Signs bundles for people and third parties (OpenSSF Model Signing), and checks such signatures.
///
/// On a box it is the update repository that authorises, never these.
package enum BundleSigning {
    /// Checks the whole file, then puts a signature by `key` behind it, in place of an earlier one by the same key.
    ///
    /// The file is written anew and renamed, so that it is signed or as it was; of two that sign at once, one waits.
    package static func sign(_ path: String, key: PrivateKey, threads: Int) throws -> BundleHead {
        // Behind a link the file itself is signed, not the link replaced.
        let path = try FileSystem.resolve(path)
        let lock = try FileLock(path)
        defer { withExtendedLifetime(lock) {} }
        let archive = try BundleReader(threads: threads).read(path, visitor: SilentVisitor())
        let hint = OMSSignature.hint(of: try key.publicKey)
        let kept = archive.appended.filter { frame in
            guard frame.tag == AppendedFrame.signatureTag else { return true }
            // What can't be read is somebody else's, and stays.
            guard let signature = try? OMSSignature.parse(frame.body, source: path) else { return true }
            guard case .publicKey(hint) = signature.method else { return true }
            return false
        }
        let signature = try OMSSignature.sign(
            resources: archive.head.resources,
            modelName: archive.head.manifest.name.text,
            key: key
        )
        let frames = kept + [AppendedFrame(tag: AppendedFrame.signatureTag, body: signature)]
        try BundleTail(archive).replaceAppended(of: path, with: frames)
        return archive.head
    }

    /// Checks every byte of the file and, with a key, that it carries a signature by that key over just this tree.
    package static func verify(_ path: String, key: PublicKey?, threads: Int) throws -> BundleHead {
        let archive = try BundleReader(threads: threads).read(path, visitor: SilentVisitor())
        guard let key else { return archive.head }
        let signatures = archive.appended.filter { $0.tag == AppendedFrame.signatureTag }.map(\.body)
        guard !signatures.isEmpty else { throw SigningError.unsigned(path: path) }
        let statement = try statement(in: signatures, by: key, path: path)
        try statement.requireMatch(archive.head.resources)
        return archive.head
    }

    /// Checks an extracted tree against its own manifest and tables, modes included, and a detached signature over it.
    package static func verifyTree(_ folder: String, signature path: String, key: PublicKey) throws -> BundleHead {
        let signature = try OMSSignature.parse(
            try FileSystem.read(path, limit: OMSSignature.limitBytes),
            source: path
        )
        let statement = try signature.verify(publicKey: key)
        let head = try BundleTree.verify(folder, ignoring: path)
        // Other tools put the signature into the folder, and say in it that it doesn't count.
        let root = try FileSystem.resolve(folder) + "/"
        let place = try FileSystem.resolve(path)
        let name = place.hasPrefix(root) ? String(place.dropFirst(root.count)) : nil
        try statement.requireMatch(head.resources, signatureName: name)
        return head
    }

    /// The signature a bundle file carries, by `key` where one is given, as the text of `model.sig`.
    package static func export(_ path: String, key: PublicKey?) throws -> [UInt8] {
        let found = try BundleTail.read(path).appended.filter { $0.tag == AppendedFrame.signatureTag }.map(\.body)
        guard let key else {
            guard let last = found.last else { throw SigningError.unsigned(path: path) }
            guard found.count == 1 else { throw SigningError.several(path: path, count: found.count) }
            return last
        }
        let hint = OMSSignature.hint(of: key)
        for body in found {
            guard let signature = try? OMSSignature.parse(body, source: path) else { continue }
            guard case .publicKey(hint) = signature.method else { continue }
            return body
        }
        throw found.isEmpty ? SigningError.unsigned(path: path) : SigningError.otherKeys(path: path, count: found.count)
    }

    /// What the signature by `key` says; where none is by that key, the error says so, or why the one that is fails.
    private static func statement(in signatures: [[UInt8]], by key: PublicKey, path: String) throws -> OMSStatement {
        let hint = OMSSignature.hint(of: key)
        var sawOwn: (any Error)?
        for body in signatures {
            guard let signature = try? OMSSignature.parse(body, source: path) else { continue }
            do throws(OMSError) {
                return try signature.verify(publicKey: key)
            } catch {
                if case .publicKey(let signer) = signature.method, signer == nil || signer == hint { sawOwn = error }
            }
        }
        throw sawOwn ?? SigningError.otherKeys(path: path, count: signatures.count)
    }
}

extension BundleHead {
    /// Every file of the extracted tree, as a signature lists it.
    var resources: [OMSResource] { treeDigests.map { OMSResource(name: $0.path, digest: $0.digest) } }
}

/// Checks without keeping anything.
package final class SilentVisitor: BundleVisitor {
    package init() {}
    package func begin(_ head: BundleHead) throws {}
    package func begin(_ file: TableOfContents.File, in component: ComponentName) throws {}
    package func content(_ bytes: [UInt8]) throws {}
    package func endFile() throws {}
}
