package import Crypto
package import Diagnostics
package import JSON

/// Why an OMS signature was not made, is not one, or does not hold. `source` is the path of the signature.
package enum OMSError: ExplainedError, Equatable {
    /// It is not a document of this form, or uses a part of OMS that is not supported.
    case malformed(source: String, JSONError)
    /// It carries several signatures, of which other verifiers look at one.
    case severalSignatures(source: String, count: Int)
    /// It was made with another key than the one given; both by the SHA-256 of their PEM text.
    case otherKey(source: String, signedBy: String, given: String)
    /// It carries certificates where a key was given, or the other way round.
    case otherMethod(source: String, carries: String, given: String)
    /// OMS has no signatures by keys of this kind.
    case unsupportedKey(kind: String)
    /// It does not fit what it is said to sign.
    case wrongSignature(source: String)
    /// Its certificates are malformed, not trusted or not made out for signing.
    case certificate(source: String, CryptoError)
    /// The digest over all resources is not that of the resources listed.
    case wrongRootDigest(source: String)
    /// A resource's name leads out of the tree or could be read in two ways.
    case unsafeName(source: String, name: String)
    /// A resource is listed twice.
    case duplicateName(source: String, name: String)
    /// The signer left out files that nobody here agreed to.
    case ignoresPaths(source: String, paths: [String])
    /// A file that is to be signed has a name that every verifier ignores.
    case ignoredName(name: String)
    /// There is no file to sign.
    case nothingToSign
    /// The tree is not the one that was signed.
    case treeDiffers(source: String, OMSDifferences)
    /// libcrypto could not sign.
    case signing(CryptoError)

    package var message: String {
        switch self {
        case .malformed(let source, let error): "\(source) can't be read as an OMS signature: \(error.message)"
        case .severalSignatures(let source, let count): "\(source) carries \(count) signatures, exactly one is allowed"
        case .otherKey(let source, let signedBy, let given):
            "\(source) was made with key \(quoted(String(signedBy.prefix(16)))), not with key \"\(given.prefix(16))\""
        case .otherMethod(let source, let carries, let given):
            "\(source) carries \(carries), so it can't be verified with \(given)"
        case .unsupportedKey(let kind): "\(kind) can't verify OMS signatures, which are ECDSA on P-256, P-384 or P-521"
        case .wrongSignature(let source):
            "\(source) does not hold: its signature is not over this statement by this key"
        case .certificate(let source, let error): "\(source) does not hold: \(error.message)"
        case .wrongRootDigest(let source): "\(source) does not hold: its root digest is not that of its resources"
        case .unsafeName(let source, let name): "\(source) names \(quoted(name)), which is no plain path inside a tree"
        case .duplicateName(let source, let name): "\(source) names \(quoted(name)) twice"
        case .ignoresPaths(let source, let paths):
            "\(source) leaves files unsigned: \(paths.prefix(5).map(quoted).joined(separator: ", "))"
        case .ignoredName(let name): "\(quoted(name)) can't be signed: verifiers of OMS signatures ignore it"
        case .nothingToSign: "there is no file to sign"
        case .treeDiffers(let source, let differences):
            "the files are not those that \(source) signs: \(differences.summary)"
        case .signing(let error): error.message
        }
    }

    package var hint: String? {
        switch self {
        case .otherKey: "give the public key that belongs to the signer"
        case .otherMethod: "give a public key for a key signature, root certificates for a certificate signature"
        case .unsupportedKey: "edgepack key generate --out KEY.pem makes an ECDSA P-256 key"
        case .certificate(_, let error), .signing(let error): error.hint
        case .ignoresPaths: "have it signed again without leaving files out"
        case .ignoredName: "leave it out of what is packed"
        case .treeDiffers: "fetch or extract the files again; if they were changed on purpose, sign them again"
        default: nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .malformed, .unsupportedKey, .ignoredName, .nothingToSign: .dataError
        case .certificate(_, let error), .signing(let error): error.exitCode
        case .severalSignatures, .otherKey, .otherMethod, .wrongSignature, .wrongRootDigest, .unsafeName,
            .duplicateName, .ignoresPaths, .treeDiffers:
            .signatureInvalid
        }
    }
}

/// A name from outside as text for a terminal.
func quoted(_ name: String) -> String { name.quotedName }
