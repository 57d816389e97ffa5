package import Diagnostics

/// Why a repository can't be changed.
package enum RepositoryError: ExplainedError, Equatable {
    /// There is a repository already.
    case exists
    /// There is no root, or no timestamp yet.
    case incomplete(missing: String)
    /// No role is delegated to under this name.
    case unknownRole(RoleName)
    /// Somebody else changed the repository in between.
    case changedMeanwhile(file: String)
    /// A path under which nothing can be listed.
    case badTargetPath(String)
    /// The role may not list the target: its delegators don't trust it with the path.
    case notCovered(role: RoleName, path: TargetPath)
    /// The newest version of a role is not signed as its delegators ask.
    case notSigned(role: RoleName, reason: String)
    /// With a role's version clients would come through more roles than they look into, and list nothing.
    case tooManyRoles(role: RoleName, version: Int, limit: Int)
    /// The role has the highest version that there can be.
    case versionsUsedUp(RoleName)

    package var message: String {
        switch self {
        case .exists: "there is a repository already"
        case .incomplete(let missing): "the repository has no \(missing)"
        case .unknownRole(let role): "no role delegates to \(role)"
        case .changedMeanwhile(let file): "somebody else wrote \(file) meanwhile; nothing of this change is in effect"
        case .badTargetPath(let path): "\"\(path)\" can't be the path of a target"
        case .notCovered(let role, let path): "role \(role) is not trusted with \(path) by whoever delegates to it"
        case .notSigned(let role, let reason): "role \(role) has to be signed anew: \(reason)"
        case .tooManyRoles(let role, let version, let limit):
            "with \(role) version \(version) there would be more than \(limit) roles, the most that clients look into"
        case .versionsUsedUp(let role): "role \(role) has the highest version that a client reads: none can follow"
        }
    }

    package var hint: String? {
        switch self {
        case .changedMeanwhile: "do it again"
        case .notSigned: "publish a new version of the role with its present keys, then commit"
        case .tooManyRoles: "take roles away that nobody uses: edgepack repo undelegate"
        case .badTargetPath: "a path is relative, without empty parts, . and .., such as bundles/digits/1.json"
        case .versionsUsedUp(.snapshot), .versionsUsedUp(.timestamp):
            "change its keys: clients then begin anew, and so do its versions"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .exists, .unknownRole, .badTargetPath, .notCovered, .tooManyRoles: .failed
        case .incomplete: .noInput
        case .changedMeanwhile: .tryAgain
        case .notSigned: .signatureInvalid
        case .versionsUsedUp: .dataError
        }
    }
}
