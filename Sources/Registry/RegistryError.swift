package import BundleManifest
package import Diagnostics
package import Digest

/// Why something can't be published, or a repository can't be used as a registry.
package enum RegistryError: ExplainedError, Equatable {
    /// There is a repository at the path already.
    case exists(path: String)
    /// Nothing at the path is a repository.
    case notARepository(path: String)
    /// It is not the repository whose first root lies beside the keys.
    case otherRepository(path: String, pin: String)
    /// It was made by a later program.
    case tooNew(format: String)
    /// The document that steers its writers can't be read.
    case badPolicy(reason: String)
    /// The key of a role is not where it should be.
    case keyMissing(role: String, path: String)
    /// The key at the path is not the one that the repository trusts for the role.
    case wrongKey(role: String, path: String)
    /// Nobody delegates to a role of this name.
    case unknownRole(String, known: [String])
    /// No client asks the role (nil: any role) for the path.
    case notTrusted(role: String?, path: String, able: [String])
    /// A role that a client asks before lists the path, so that what the other one says of it counts for nothing.
    case hidden(path: String, role: String, by: String)
    /// Others have published other content under this name, version and platform.
    case versionTaken(path: String, published: SHA256Digest, offered: SHA256Digest)
    /// The repository lists no such thing.
    case notPublished(what: String, known: [String])
    /// The bundle has been revoked.
    case revoked(bundle: String, reason: String)
    /// The bundle is older than the floor that was deployed before.
    case belowFloor(bundle: String, floor: BundleVersion)
    /// A published document can't be found or is not what metadata says.
    case damaged(path: String, reason: String)
    /// The rollout names no such wave.
    case noSuchWave(name: String, known: [String])
    /// An acceptance set's data is not as it must be.
    case badRecord(path: String, line: Int, problem: String)
    /// A blob that a signed document names is not there.
    case blobMissing(digest: SHA256Digest, neededBy: String)
    /// What is asked for contradicts itself.
    case contradiction(String)

    package var message: String {
        switch self {
        case .exists(let path): "there is a repository in \(path) already"
        case .notARepository(let path): "\(path) is not a repository: it has no metadata/1.root.json"
        case .otherRepository(let path, let pin):
            "\(path) is another repository than the one of these keys: its metadata/1.root.json is not \(pin)"
        case .tooNew(let format): "the repository has format \(format), which is newer than this program"
        case .badPolicy(let reason): "the repository's registry.json can't be read: \(reason)"
        case .keyMissing(let role, let path): "the key of role \(role) is missing: there is no \(path)"
        case .wrongKey(let role, let path): "\(path) is not a key that the repository trusts for role \(role)"
        case .unknownRole(let role, let known):
            "the repository has no role \(role); its roles are \(known.joined(separator: ", "))"
        case .notTrusted(let role?, let path, let able):
            "role \(role) is not trusted with \(path)"
                + (able.isEmpty
                    ? "; no role is" : "; \(able.joined(separator: ", ")) \(able.count == 1 ? "is" : "are")")
        case .notTrusted(nil, let path, _): "no role of the repository is trusted with \(path)"
        case .hidden(let path, let role, let by):
            "\(path) is listed by role \(by), which boxes ask before \(role): nothing that \(role) says of it counts"
        case .versionTaken(let path, let published, let offered):
            "\(path) is published with other content: sha256:\(published), not sha256:\(offered)"
        case .notPublished(let what, let known):
            "\(what) is not published here"
                + (known.isEmpty ? "" : "; there is \(known.prefix(8).joined(separator: ", "))")
                + (known.count > 8 ? " and \(known.count - 8) more" : "")
        case .revoked(let bundle, let reason): "\(bundle) is revoked: \(reason)"
        case .belowFloor(let bundle, let floor): "\(bundle) is below the floor \(floor) that was deployed before"
        case .damaged(let path, let reason): "\(path) is damaged: \(reason)"
        case .noSuchWave(let name, let known):
            "the deployment has no wave \(name); its waves are \(known.joined(separator: ", "))"
        case .badRecord(let path, let line, let problem): "\(path), line \(line): \(problem)"
        case .blobMissing(let digest, let neededBy): "blobs/\(digest) is missing, and \(neededBy) names it"
        case .contradiction(let problem): problem
        }
    }

    package var hint: String? {
        switch self {
        case .exists: "publish to it, or choose another folder"
        case .notARepository(let path) where path.hasPrefix("http"): "name the URL that its metadata folder is below"
        case .notARepository(let path): "make one with: edgepack repo init \(path) --keys KEYDIR"
        case .otherRepository: "name the keys' own repository; nothing was signed"
        case .tooNew: "update this program"
        case .badPolicy, .damaged, .blobMissing:
            "bring it back from a copy; edgepack repo verify lists all that is wrong"
        case .keyMissing: "whoever holds that key has to run this, or --keys names another folder"
        case .wrongKey: "--keys names the keys of another repository, or the role's key was rotated"
        case .unknownRole(let role, let known):
            NearestName.nearest(to: role, among: known).map { "did you mean \($0)?" }
                ?? "edgepack repo delegate makes a role"
        case .notTrusted: "edgepack repo delegate gives a role its paths"
        case .hidden(_, _, let by): "whoever holds the key of \(by) has to publish it"
        case .versionTaken: "a version is never changed: build it under the next one"
        case .notPublished: "publish it first: edgepack publish FILE --to REPO --keys KEYDIR"
        case .revoked: "deploy another version; edgepack revoke --lift takes a revocation back"
        case .belowFloor: "a floor is only raised: build the fix as a newer version"
        case .badRecord: "each line is one JSON object such as {\"inputs\": …, \"label\": …}"
        case .noSuchWave, .contradiction: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .exists, .versionTaken: .cannotCreate
        case .notARepository, .keyMissing, .notPublished, .unknownRole: .noInput
        case .tooNew, .badPolicy: .configuration
        case .wrongKey, .otherRepository, .notTrusted, .hidden: .noPermission
        case .revoked, .belowFloor, .noSuchWave, .contradiction: .failed
        case .damaged, .badRecord, .blobMissing: .dataError
        }
    }
}
