package import Diagnostics

/// Why a key that somebody brings can't be used.
package enum KeyError: ExplainedError, Equatable {
    /// A key is to be encrypted, and nobody says with what.
    case noPassphrase(key: String)
    /// An encrypted key has no public half beside it, and nothing is opened only to see what it is.
    case publicHalfMissing(key: String, expected: String)
    /// The public half beside a key is another key's.
    case halvesDiffer(key: String, publicPath: String)
    /// The metadata carries a key of a kind that is not known here.
    case unknownKind(key: String)
    /// A file that is to hold a command holds none.
    case noCommand(path: String)
    /// The program of a command is not there.
    case commandMissing(command: String)
    /// A command did not end well; `words` is what it wrote on standard error.
    case commandFailed(command: String, reason: String, words: String)
    /// A command ended well, and its answer is of no use.
    case commandAnswer(command: String, reason: String, words: String)

    package var message: String {
        switch self {
        case .noPassphrase(let key): "there is no passphrase to protect \(key) with"
        case .publicHalfMissing(let key, let expected):
            "\(key) is protected by a passphrase, and its public half is missing: there is no \(expected)"
        case .halvesDiffer(let key, let publicPath): "\(key) is not the private half of \(publicPath)"
        case .unknownKind(let key): "key \(key) is of a kind that is not known here"
        case .noCommand(let path): "\(path) names no command"
        case .commandMissing(let command): "the program \(command.quotedName) that is to sign is not there"
        case .commandFailed(let command, let reason, let words):
            "`\(command)` failed: \(reason)" + Self.said(words)
        case .commandAnswer(let command, let reason, let words):
            "`\(command)` did not answer as it must: \(reason)" + Self.said(words)
        }
    }

    private static func said(_ words: String) -> String { words.isEmpty ? "" : "; it said: \(words)" }

    package var hint: String? {
        switch self {
        case .noPassphrase: "run it at a terminal, or name a file that holds one: --passphrase-file FILE"
        case .publicHalfMissing(let key, let expected): "write it: edgepack key show \(key) > \(expected)"
        case .halvesDiffer: "take the files of one key from a copy"
        case .unknownKind: "update this program"
        case .noCommand: "write the command's words on its first line, as for --key exec:COMMAND"
        case .commandMissing: "give its path, or install it where PATH finds it"
        case .commandFailed: nil
        case .commandAnswer(let command, _, _):
            command.hasSuffix(" public")
                ? "it is to print the public key as PEM, -----BEGIN PUBLIC KEY-----"
                : "it is to print the bare signature: DER for ECDSA, 64 bytes for Ed25519, PSS with SHA-256 for RSA"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .noPassphrase, .publicHalfMissing: .noInput
        case .halvesDiffer, .unknownKind, .noCommand: .dataError
        case .commandMissing: .unavailable
        case .commandFailed: .unavailable
        case .commandAnswer: .signatureInvalid
        }
    }
}
