package import Diagnostics

/// Why a bundle does not carry the signature asked for.
package enum SigningError: ExplainedError, Equatable {
    case unsigned(path: String)
    case otherKeys(path: String, count: Int)
    case several(path: String, count: Int)

    package var message: String {
        switch self {
        case .unsigned(let path): "\(path) carries no signature"
        case .otherKeys(let path, let count):
            "\(path) is not signed by this key: it carries \(count) signature\(count == 1 ? "" : "s") by others"
        case .several(let path, let count): "\(path) carries \(count) signatures"
        }
    }

    package var hint: String? {
        switch self {
        case .unsigned(let path): "sign it with: edgepack sign --key KEY.pem \(path)"
        case .otherKeys: "give the public key of who signed it, or have it signed by this one"
        case .several: "say which with --key KEY.pub"
        }
    }

    package var exitCode: ExitCode { .signatureInvalid }
}
