package import BundleManifest
package import Deployment
package import Digest
internal import UpdateFramework

/// A bundle as the registry lists it.
package struct PublishedBundle: Equatable, Sendable {
    package let location: BundleLocation
    /// The bundle digest: SHA-256 of the manifest, which is the target.
    package let digest: SHA256Digest
    package let record: BundleRecord
}

/// How people name a bundle: `digits@3`, all its platforms; or one by its digest.
package enum BundleReference: Equatable, Sendable, CustomStringConvertible {
    case version(BundleName, BundleVersion)
    case digest(SHA256Digest)

    /// From `NAME@VERSION`, 64 hexadecimal digits, or those behind `sha256:`.
    package init?(_ text: String) {
        let digits = text.hasPrefix("sha256:") ? text.dropFirst(7) : text[...]
        if let digest = SHA256Digest(hex: digits) {
            self = .digest(digest)
            return
        }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let name = BundleName(String(parts[0])), let version = BundleVersion(String(parts[1]))
        else { return nil }
        self = .version(name, version)
    }

    package var description: String {
        switch self {
        case .version(let name, let version): "\(name)@\(version)"
        case .digest(let digest): "sha256:\(digest)"
        }
    }

    func matches(_ bundle: PublishedBundle) -> Bool {
        switch self {
        case .version(let name, let version): bundle.location.name == name && bundle.location.version == version
        case .digest(let digest): bundle.digest == digest
        }
    }
}

extension Registry {
    /// Every bundle that is published, committed or not, in the order of their paths; of several roles that list one, the
    /// word of the one that boxes ask first.
    package var bundles: [PublishedBundle] { Self.bundles(in: editor) }

    static func bundles(in editor: RepositoryEditor) -> [PublishedBundle] {
        RoleLookup(editor.roles).targets(below: "bundles").compactMap(bundle)
    }

    static func bundle(at location: BundleLocation, in editor: RepositoryEditor) -> PublishedBundle? {
        RoleLookup(editor.roles).find(location.path).flatMap(bundle)
    }

    /// Nil for one that can't be read: it was not written by this program, and no box takes it; `verify` tells of it.
    static func bundle(_ target: FoundTarget) -> PublishedBundle? {
        guard let location = BundleLocation(path: target.path.text), let digest = target.file.hashes.sha256,
            let record = try? BundleRecord(custom: target.file.custom)
        else { return nil }
        return PublishedBundle(location: location, digest: digest, record: record)
    }

    /// The bundles that are meant, best first: what needs more of a box comes before what needs less, so that a box takes
    /// the one that was built for it. Throws `notPublished` where there is none.
    package func bundles(meantBy reference: BundleReference) throws -> [PublishedBundle] {
        try Self.bundles(meantBy: reference, in: editor)
    }

    static func bundles(
        meantBy reference: BundleReference,
        in editor: RepositoryEditor
    ) throws -> [PublishedBundle] {
        let all = bundles(in: editor)
        let meant = all.filter(reference.matches)
        guard !meant.isEmpty else {
            let known = all.map { "\($0.location.name)@\($0.location.version)" }
            throw RegistryError.notPublished(what: "\(reference)", known: Array(Set(known)).sorted())
        }
        return meant.sorted { PlatformRank($0.location.platform) > PlatformRank($1.location.platform) }
    }
}

/// How much a platform asks of a box, from its text: an accelerator first, then a newer glibc, then its text.
private struct PlatformRank: Comparable {
    let hasAccelerator: Bool
    let glibc: GlibcVersion
    let text: String

    init(_ text: String) {
        self.text = text
        hasAccelerator = text.contains("+")
        let part = text.split(separator: "-").first { $0.hasPrefix("glibc") }
        glibc = part.flatMap { GlibcVersion(String($0.dropFirst(5))) } ?? GlibcVersion(0, 0)
    }

    static func < (left: Self, right: Self) -> Bool {
        if left.hasAccelerator != right.hasAccelerator { return right.hasAccelerator }
        if left.glibc != right.glibc { return left.glibc < right.glibc }
        return left.text > right.text
    }
}
