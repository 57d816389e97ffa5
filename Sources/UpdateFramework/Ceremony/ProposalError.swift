package import Diagnostics

/// Why a proposal can't be used, signed or put into effect.
package enum ProposalError: ExplainedError, Equatable {
    /// The file is no proposal.
    case unusable(place: String, reason: String)
    /// What it brings along to be judged by doesn't hold.
    case notVerified(role: RoleName, version: Int, reason: String)
    /// It is of another repository than the one whose root is trusted here.
    case otherRepository(role: RoleName, version: Int)
    /// There is no root to judge it by.
    case noTrustedRoot(role: RoleName, version: Int)
    /// A document in it is not what its metadata lists.
    case wrongDocument(path: String, reason: String)
    /// Metadata lists a new document that it doesn't bring along.
    case documentMissing(path: String)
    /// The repository has gone on since it was made.
    case stale(role: RoleName, version: Int, reason: String)
    /// Versions before it are missing.
    case gap(role: RoleName, version: Int, next: Int)
    /// Not all who must have signed.
    case incomplete(role: RoleName, version: Int, missing: [String])
    /// Two different ones for the same version.
    case differing(role: RoleName, version: Int)
    /// Another one waits for the same version.
    case waiting(role: RoleName, version: Int, place: String)
    /// None of the keys at hand is asked for.
    case notAsked(role: RoleName, version: Int, asked: [String])
    /// It is larger than a proposal may be.
    case tooLarge(place: String, limitBytes: Int)

    package var message: String {
        switch self {
        case .unusable(let place, let reason): "\(place) is no proposal that can be used: \(reason)"
        case .notVerified(let role, let version, let reason):
            "\(role) version \(version) is proposed with a chain of trust that doesn't hold: \(reason)"
        case .otherRepository(let role, let version):
            "\(role) version \(version) is proposed for another repository than the one that is trusted here"
        case .noTrustedRoot(let role, let version):
            "there is no trusted root to judge \(role) version \(version) by"
        case .wrongDocument(let path, let reason): "the proposal's document \(path) \(reason)"
        case .documentMissing(let path): "the proposal lists \(path) anew, and doesn't bring it along"
        case .stale(let role, let version, let reason): "\(role) version \(version) is stale: \(reason)"
        case .gap(let role, let version, let next):
            "\(role) version \(version) can't follow: the next version of \(role) is \(next)"
        case .incomplete(let role, let version, let missing):
            "\(role) version \(version) is not signed by all who must: \(missing.joined(separator: "; "))"
        case .differing(let role, let version):
            "two proposals for \(role) version \(version) differ in what they say, and only one can be taken"
        case .waiting(let role, let version, let place):
            "\(role) version \(version) is proposed already and waits for signatures: \(place)"
        case .notAsked(let role, let version, let asked):
            "none of the keys here is asked to sign \(role) version \(version); asked "
                + "\(asked.count == 1 ? "is" : "are") \(asked.joined(separator: ", "))"
        case .tooLarge(let place, let limitBytes):
            "\(place) is larger than the \(limitBytes) bytes that are read of a proposal"
        }
    }

    package var hint: String? {
        switch self {
        case .unusable, .tooLarge: "ask for it again, from whoever made it"
        case .notVerified, .wrongDocument, .documentMissing:
            "don't sign it: ask whoever sent it, by a way you trust, what it is"
        case .otherRepository: "--root names the root of another repository, or the proposal is not meant for you"
        case .noTrustedRoot:
            "name the repository's first root with --root FILE, or keep it as 1.root.json beside the keys"
        case .stale: "propose the change again, on top of what is there now"
        case .gap: "commit the versions before it first"
        case .incomplete: "let the others sign: edgepack repo sign FILE --keys KEYDIR"
        case .differing: "agree on one, and remove the other"
        case .waiting: "sign it and commit it first, or take it back: edgepack repo propose REPO --role ROLE --withdraw"
        case .notAsked: "nothing was signed; --keys names the folder with the key that is asked for"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .unusable, .wrongDocument, .documentMissing, .gap, .tooLarge: .dataError
        case .notVerified, .incomplete: .signatureInvalid
        case .otherRepository, .notAsked: .noPermission
        case .noTrustedRoot: .noInput
        case .stale, .differing: .failed
        case .waiting: .tryAgain
        }
    }
}
