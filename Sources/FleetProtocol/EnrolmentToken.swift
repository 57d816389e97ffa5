package import Diagnostics
package import Digest

/// What a box is given to join a fleet: where it is, how to know it, and a secret.
///
/// Text: `edge1,SERVER,CA,ROOT,SECRET` in one word: the server's URL, the SHA-256 of its authority's certificate (DER), the
/// SHA-256 of the repository's root that the box is to begin with, or `-`, and a secret of 64 hexadecimal digits.
package struct EnrolmentToken: Hashable, Sendable {
    /// `https://HOST:PORT`, without a path.
    package var server: String
    package var authority: SHA256Digest
    package var root: SHA256Digest?
    /// The fleet keeps only its digest.
    package var secret: String

    package init(server: String, authority: SHA256Digest, root: SHA256Digest?, secret: String) {
        self.server = server
        self.authority = authority
        self.root = root
        self.secret = secret
    }

    private static let limitBytes = 1024

    package init(_ text: String) throws(EnrolmentTokenError) {
        guard text.utf8.count <= Self.limitBytes else { throw .malformed("it is longer than \(Self.limitBytes) bytes") }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.first == "edge1" else { throw .malformed("it does not begin with edge1,") }
        guard parts.count == 5 else { throw .malformed("it has \(parts.count) parts, not 5; was it cut?") }
        guard parts[1].hasPrefix("https://"), parts[1].count > 8, Self.isPlain(parts[1]) else {
            throw .malformed("its server is no https:// address")
        }
        guard let authority = SHA256Digest(hex: parts[2]) else {
            throw .malformed("its third part is no SHA-256 digest of an authority")
        }
        let root = SHA256Digest(hex: parts[3])
        guard root != nil || parts[3] == "-" else { throw .malformed("its fourth part is no SHA-256 digest of a root") }
        guard SHA256Digest(hex: parts[4]) != nil else { throw .malformed("its secret is not 64 hexadecimal digits") }
        self.init(server: String(parts[1]), authority: authority, root: root, secret: String(parts[4]))
    }

    package var text: String { "edge1,\(server),\(authority.hex),\(root?.hex ?? "-"),\(secret)" }

    /// Printable ASCII without blanks and quotes, so that it is one word for every shell.
    private static func isPlain(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x21...0x7e).contains($0) && !"\"'\\`$<>".utf8.contains($0) }
    }
}

/// Why a text is no token. The text itself is secret and enters no message.
package enum EnrolmentTokenError: ExplainedError, Equatable {
    case malformed(String)

    package var message: String {
        switch self {
        case .malformed(let why): "that is no enrolment token: \(why)"
        }
    }

    package var hint: String? { "`edgefleet token create` prints one; copy it whole" }

    package var exitCode: ExitCode { .dataError }
}
