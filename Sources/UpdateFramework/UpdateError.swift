package import Diagnostics
package import WallClock

/// Why metadata or a target is not trusted. Each message names the rule that was broken; in brackets stands the attack
/// that the rule prevents, by the names of the TUF specification.
package enum UpdateError: ExplainedError, Equatable {
    /// The document can't be used: not JSON, or a field is missing, of another type or out of range.
    case unusable(role: RoleName, reason: String)
    /// The document is of another role than its place says.
    case wrongType(role: RoleName, found: String)
    /// One key id stands twice among a document's signatures.
    case duplicateSignature(role: RoleName, keyID: String)
    /// Fewer keys than required have signed.
    case thresholdNotMet(role: RoleName, version: Int, delegator: String, verified: Int, threshold: Int)
    /// The document has another version than whoever names it says.
    case wrongVersion(role: RoleName, found: Int, expected: Int, statedBy: String)
    /// The document is older than what is trusted already.
    case rollback(role: RoleName, version: Int, trusted: Int)
    /// A timestamp or snapshot names an older version of another role than the trusted one did.
    case listedRollback(lister: RoleName, listerVersion: Int, role: String, version: Int, trusted: Int)
    /// A snapshot no longer lists what the trusted one did.
    case listingRemoved(role: String, version: Int, trustedVersion: Int)
    /// The document's time is over.
    case expired(role: RoleName, version: Int, expires: UTCTime, now: UTCTime)
    /// A file has another length than signed metadata says.
    case wrongLength(file: String, found: Int, expected: Int)
    /// A file has another digest than signed metadata says.
    case wrongHash(file: String, algorithm: String)
    /// Metadata states no digest of a kind known here.
    case noKnownHash(file: String)
    /// A file is, or would be, larger than what is read of its kind.
    case tooLarge(file: String, limitBytes: Int)
    /// The snapshot doesn't list a role that is delegated to.
    case notListed(role: RoleName, snapshotVersion: Int)
    /// The repository has no such file.
    case missing(file: String)
    /// No role lists the target.
    case targetNotFound(path: String)
    /// The search for a target came through more roles than the limit.
    case searchTooLong(path: String, limit: Int)
    /// More targets lie below a folder than the limit.
    case listingTooLong(folder: String, limit: Int)
    /// There is no root to begin with.
    case noTrustedRoot(place: String)
    /// The root is not the one that was to be trusted.
    case wrongRootDigest(found: String, expected: String)
    /// A step of the workflow was called before the one that it builds on: an error in our own program.
    case outOfOrder(step: String)

    package var message: String {
        switch self {
        case .unusable(let role, let reason): "\(role) metadata can't be used: \(reason)"
        case .wrongType(let role, let found): "\(role) metadata is of type \"\(found)\""
        case .duplicateSignature(let role, let keyID):
            "\(role) metadata holds two signatures of key \(keyID), where one is allowed"
        case .thresholdNotMet(let role, let version, let delegator, let verified, let threshold):
            "\(role) version \(version) is signed by \(verified) of the \(threshold) keys that \(delegator) asks for "
                + "(arbitrary software)"
        case .wrongVersion(let role, let found, let expected, let statedBy):
            "\(role) has version \(found), but \(statedBy) asks for version \(expected) (mix-and-match)"
        case .rollback(let role, let version, let trusted):
            "\(role) version \(version) is older than trusted version \(trusted) (rollback)"
        case .listedRollback(let lister, let listerVersion, let role, let version, let trusted):
            "\(lister) version \(listerVersion) lists \(role) version \(version), which is older than trusted version "
                + "\(trusted) (rollback)"
        case .listingRemoved(let role, let version, let trustedVersion):
            "snapshot version \(version) does not list \(role), which trusted version \(trustedVersion) lists (rollback)"
        case .expired(let role, let version, let expires, let now):
            "\(role) version \(version) expired at \(expires), and it is \(now) (freeze)"
        case .wrongLength(let file, let found, let expected):
            "\(file) has \(found) bytes, where signed metadata says \(expected)"
        case .wrongHash(let file, let algorithm): "\(file) has another \(algorithm) than signed metadata says"
        case .noKnownHash(let file): "metadata states neither a sha256 nor a sha512 of \(file)"
        case .tooLarge(let file, let limitBytes):
            "\(file) is larger than the \(limitBytes) bytes that are read of it (endless data)"
        case .notListed(let role, let snapshotVersion):
            "role \(role) is delegated to, but snapshot version \(snapshotVersion) does not list it (mix-and-match)"
        case .missing(let file): "the repository has no \(file)"
        case .targetNotFound(let path): "no role of the repository lists the target \(path)"
        case .searchTooLong(let path, let limit): "the search for \(path) ended after \(limit) roles, the most allowed"
        case .listingTooLong(let folder, let limit):
            "more than \(limit) targets are listed below \"\(folder)\", the most that are read"
        case .noTrustedRoot(let place): "\(place) holds no trusted root"
        case .wrongRootDigest(let found, let expected): "the root has the digest \(found), expected \(expected)"
        case .outOfOrder(let step): "\(step) before what it builds on"
        }
    }

    package var hint: String? {
        switch self {
        case .expired: "if this machine's clock is right, the repository's keeper has to sign new metadata"
        case .noTrustedRoot: "begin with a root that came by a way you trust"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .thresholdNotMet, .duplicateSignature, .wrongRootDigest: .signatureInvalid
        case .missing: .unavailable
        case .targetNotFound, .noTrustedRoot: .noInput
        case .outOfOrder: .software
        default: .dataError
        }
    }
}
