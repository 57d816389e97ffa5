package import Diagnostics

/// What goes wrong with keys, signatures and certificates.
///
/// `source` is what the user would call the input: a path, or a field such as `certificates[1]`. Key material never
/// enters a message.
package enum CryptoError: ExplainedError, Equatable {
    /// The input is longer than what is read of its kind.
    case tooLarge(source: String, bytes: Int, limitBytes: Int)
    /// The input holds no PEM block, or one whose text is damaged.
    case notPEM(source: String, reason: String)
    /// A private key was given where a public one is expected.
    case privateInsteadOfPublicKey(source: String)
    /// Another kind of PEM block was found than what is needed.
    case unexpectedBlock(source: String, expected: String, found: String)
    /// More than one key in a file that may hold one.
    case severalKeys(source: String)
    /// The private key is protected by a passphrase, and none was given.
    case encryptedKey(source: String)
    /// The passphrase does not open the key, or its encrypted content is damaged: that looks the same.
    case wrongPassphrase(source: String)
    /// The private key is encrypted in a way that is not read: of before PKCS #5 v2.
    case outdatedEncryption(source: String, found: String)
    /// Finding out whether the passphrase is right would take minutes, or more memory than there is.
    case costlyEncryption(source: String, found: String, limit: String)
    /// A passphrase can't be used: empty, or too long.
    case badPassphrase(source: String, problem: String)
    /// The bytes inside the PEM block or the DER are no such object.
    case malformed(source: String, expected: String, reason: String)
    /// A key of a kind, curve or size that can't be used here.
    case unsupportedKey(source: String, found: String, supported: String)
    /// The certificate does not lead to one of the trusted roots at the time in question.
    case untrustedCertificate(subject: String, reason: String)
    /// The certificate is not made out for signing.
    case unsuitableCertificate(subject: String, reason: String)
    /// A certificate that a peer shows, or that one was about to show, is not good at the time in question.
    case certificateRefused(subject: String, problem: CertificateProblem)
    /// A request for a certificate is not signed by the key that it holds: whoever sent it need not have the key.
    case withoutPossession(source: String, reason: String)
    /// The certificate that was asked for is not issued.
    case cannotIssue(subject: String, reason: String)
    /// The certificate or key of an authority can't be used as one.
    case unsuitableAuthority(subject: String, reason: String)
    /// A key file is in the way; key files are never overwritten.
    case keyFileExists(path: String)
    /// libcrypto refused an operation that does not depend on the input.
    case libraryFailure(operation: String, reason: String)

    package var message: String {
        switch self {
        case .tooLarge(let source, let bytes, let limitBytes):
            "\(source) has \(bytes) bytes, more than the \(limitBytes) that are read"
        case .notPEM(let source, let reason):
            "\(source) is not PEM text: \(reason)"
        case .privateInsteadOfPublicKey(let source):
            "\(source) is a private key where a public key is expected"
        case .unexpectedBlock(let source, let expected, let found):
            "\(source) holds \(found) where \(expected) is expected"
        case .severalKeys(let source):
            "\(source) holds more than one PEM block, so it is not clear which key is meant"
        case .encryptedKey(let source):
            "\(source) is a private key protected by a passphrase, and none is given"
        case .wrongPassphrase(let source):
            "the passphrase does not open \(source), or the file is damaged"
        case .outdatedEncryption(let source, let found):
            "\(source) is encrypted with \(found), which is not read"
        case .costlyEncryption(let source, let found, let limit):
            "\(source) asks for \(found) to try a passphrase, more than the \(limit) that are done"
        case .badPassphrase(let source, let problem):
            "\(source) \(problem)"
        case .malformed(let source, let expected, let reason):
            "\(source) is not a valid \(expected): \(reason)"
        case .unsupportedKey(let source, let found, let supported):
            "\(source) is \(found), not \(supported)"
        case .untrustedCertificate(let subject, let reason):
            "certificate of \(subject) is not trusted: \(reason)"
        case .unsuitableCertificate(let subject, let reason):
            "certificate of \(subject) may not sign: \(reason)"
        case .certificateRefused(let subject, let problem):
            "certificate of \(subject) is refused: \(problem)"
        case .withoutPossession(let source, let reason):
            "\(source) is not signed by the key it holds: \(reason)"
        case .cannotIssue(let subject, let reason):
            "no certificate is issued for \(subject): \(reason)"
        case .unsuitableAuthority(let subject, let reason):
            "\(subject) can't issue certificates: \(reason)"
        case .keyFileExists(let path):
            "\(path) exists and is not overwritten"
        case .libraryFailure(let operation, let reason):
            "libcrypto could not \(operation): \(reason)"
        }
    }

    package var hint: String? {
        switch self {
        case .privateInsteadOfPublicKey:
            "give the .pub file beside it, or make one: openssl pkey -in KEY.pem -pubout -out KEY.pub; "
                + "keep the private key off machines that only verify"
        case .notPEM, .malformed:
            "a key file starts with -----BEGIN; edgepack key generate --out KEY.pem makes a new pair"
        case .encryptedKey:
            "--passphrase-file names a file that holds it, where the command has that option; else decrypt the key into a "
                + "file that only you can read: (umask 077; openssl pkey -in KEY.pem -out PLAIN.pem)"
        case .outdatedEncryption, .costlyEncryption:
            "encrypt it anew: openssl pkcs8 -topk8 -in KEY.pem -out NEW.pem"
        case .severalKeys:
            "keep each key in a file of its own"
        case .unsupportedKey:
            "edgepack key generate --out KEY.pem makes an ECDSA P-256 key"
        case .untrustedCertificate:
            "give the root certificate that the signer's chain ends in, and check the time of verification"
        case .keyFileExists:
            "choose another name, or move the old key away if it is really no longer needed"
        case .certificateRefused(_, let problem):
            problem.hint
        case .withoutPossession:
            "make the request anew with the key that belongs to it"
        case .tooLarge, .unexpectedBlock, .unsuitableCertificate, .libraryFailure, .cannotIssue,
            .unsuitableAuthority, .wrongPassphrase, .badPassphrase:
            nil
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .tooLarge, .notPEM, .privateInsteadOfPublicKey, .unexpectedBlock, .severalKeys, .encryptedKey, .malformed,
            .unsupportedKey, .cannotIssue, .unsuitableAuthority, .outdatedEncryption, .costlyEncryption,
            .badPassphrase:
            .dataError
        case .wrongPassphrase: .noPermission
        case .untrustedCertificate, .unsuitableCertificate, .certificateRefused, .withoutPossession: .signatureInvalid
        case .keyFileExists: .cannotCreate
        case .libraryFailure: .software
        }
    }
}

/// Why a peer's certificate is not taken, as far as somebody can act on it.
package enum CertificateProblem: Sendable, Equatable, CustomStringConvertible {
    /// Its validity, or that of the authority above it, has ended.
    case expired
    /// Its validity, or that of the authority above it, has not begun.
    case notYetValid
    /// None of the given authorities has issued it.
    case unknownAuthority
    /// It is not made out for this side of a connection (extended key usage).
    case wrongPurpose
    /// Anything else, in libcrypto's words.
    case other(String)

    package var description: String {
        switch self {
        case .expired: "it has expired"
        case .notYetValid: "it is not valid yet"
        case .unknownAuthority: "no trusted authority has issued it"
        case .wrongPurpose: "it is made out for another purpose"
        case .other(let reason): reason
        }
    }

    var hint: String? {
        switch self {
        case .expired: "renew it; and check the clocks of both machines"
        case .notYetValid: "check the clocks of both machines"
        case .unknownAuthority:
            "compare the fingerprints of the authority that issued it and of the one that is trusted"
        case .wrongPurpose, .other: nil
        }
    }
}
