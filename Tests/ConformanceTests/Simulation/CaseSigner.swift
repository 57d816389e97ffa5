import Crypto
import Digest
import FileSystem
import JSON
import Processes
import Testing

/// A key of a simulated repository: the object that metadata lists, what it is called there, and how it signs.
struct CaseSigner: Sendable {
    /// The kinds that the specification names, with a scheme of each (TUF 1.0.34 section 4.2).
    enum Kind: String, Sendable {
        case ecdsa, ed25519, rsa
    }

    /// Signatures of the kinds that are not ECDSA are made by `openssl`, from a key file in the folder of the case.
    private enum Secret: Sendable {
        case ecdsa(PrivateKey)
        case file(String, Kind)
    }

    private let secret: Secret
    /// The key object; its members may be added to, after which `rename` makes the id fit again.
    var object: JSONValue
    private(set) var id: String

    /// A new ECDSA P-256 key.
    init() throws {
        let key = try PrivateKey.generate()
        let pem = String(decoding: try key.publicKey.pemBytes, as: UTF8.self)
        self.init(
            .ecdsa(key),
            ["keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": ["public": .string(pem)]]
        )
    }

    private init(_ secret: Secret, _ object: JSONValue) {
        self.secret = secret
        self.object = object
        id = ""
        rename()
    }

    /// A new key of any kind.
    init(_ kind: Kind, in folder: String) throws {
        guard kind != .ecdsa else {
            try self.init()
            return
        }
        let path = "\(folder)/\(kind.rawValue).pem"
        let options = kind == .rsa ? ["-pkeyopt", "rsa_keygen_bits:2048"] : []
        _ = try OpenSSLProgram.run(["genpkey", "-algorithm", kind.rawValue, "-out", path] + options)
        if kind == .rsa {
            let pem = String(decoding: try OpenSSLProgram.run(["pkey", "-in", path, "-pubout"]), as: UTF8.self)
            self.init(
                .file(path, kind),
                ["keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": ["public": .string(pem)]]
            )
        } else {
            // The last 32 bytes of SubjectPublicKeyInfo are the key (RFC 8410).
            let der = try OpenSSLProgram.run(["pkey", "-in", path, "-pubout", "-outform", "DER"])
            let material = hexadecimal(Array(der.suffix(32)))
            self.init(
                .file(path, kind),
                ["keytype": "ed25519", "scheme": "ed25519", "keyval": ["public": .string(material)]]
            )
        }
    }

    /// Gives it the id that the specification asks for: the SHA-256 of the canonical form of the object, with whatever
    /// members it has. Or another one.
    mutating func rename(_ name: String? = nil) {
        let canonical = (try? object.canonicalBytes(.olpc)) ?? []
        id = name ?? SHA256.digest(canonical).hex
    }

    func signature(of message: [UInt8]) throws -> String {
        switch secret {
        case .ecdsa(let key): return hexadecimal(try key.sign(message))
        case .file(let path, let kind):
            let text = "\(path).message"
            try FileSystem.write(message, to: text)
            let padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
            return hexadecimal(
                try OpenSSLProgram.run(
                    kind == .rsa
                        ? ["dgst", "-sha256", "-sign", path] + padding + [text]
                        : ["pkeyutl", "-sign", "-rawin", "-inkey", path, "-in", text]
                )
            )
        }
    }
}

/// The `openssl` of the system.
private enum OpenSSLProgram {
    static func run(_ arguments: [String]) throws -> [UInt8] {
        let program = try #require(Processes.find("openssl", in: "/usr/bin:/bin:/usr/local/bin"))
        let result = try Processes.run(program, arguments: arguments)
        try #require(result.isSuccess, "openssl \(arguments.joined(separator: " ")): \(result.errorText)")
        return result.standardOutput
    }
}

func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
