internal import Crypto
internal import JSON
internal import UpdateFramework

extension FuzzHarness {
    static let keys = FuzzHarness(
        "keys",
        "a key: PEM, DER that gets its PEM lines here, the 32 bytes of Ed25519, or a key object of metadata",
        limitBytes: 8_192
    ) { input in
        if input.first == UInt8(ascii: "{") { return try readKeyObject(input) }
        if input.count == 32 {
            try checkPublicKey { () throws(CryptoError) in try PublicKey(ed25519: input, source: "input") }
        }
        if input.starts(with: Array("-----".utf8)) {
            try checkPublicKey { () throws(CryptoError) in try PublicKey(pem: input, source: "input") }
            return try checkPrivateKey(pem: input)
        }
        // Base64 hides the structure from what makes the inputs up.
        let text = Base64.encode(input)
        func pem(_ label: String) -> [UInt8] {
            Array("-----BEGIN \(label)-----\n\(text)\n-----END \(label)-----\n".utf8)
        }
        try checkPublicKey { () throws(CryptoError) in try PublicKey(pem: pem("PUBLIC KEY"), source: "input") }
        for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"] { try checkPrivateKey(pem: pem(label)) }
        if isCheaplyOpened(input) { try checkPrivateKey(pem: pem("ENCRYPTED PRIVATE KEY")) }
    }

    /// An encrypted key may ask for some seconds of work. Here only those are opened that hold no integer above 4,095,
    /// rounds among them.
    private static func isCheaplyOpened(_ der: [UInt8]) -> Bool {
        let integer: UInt8 = 2
        return !der.prefix(160).indices.dropLast(2).contains { index in
            guard der[index] == integer else { return false }
            return (3...8).contains(der[index + 1]) || (der[index + 1] == 2 && der[index + 2] >= 0x10)
        }
    }

    /// A key that is taken is the same after it was written and read, as PEM and in metadata, and doesn't verify just
    /// anything.
    private static func checkPublicKey(_ read: () throws(CryptoError) -> PublicKey) throws {
        guard let key = try refusing(CryptoError.self, read) else { return }
        try require(try PublicKey(pem: key.pemBytes, source: "again") == key, "another key after writing and reading")
        let message = Array("message".utf8)
        for signature in [[], [0], [0x30, 6, 2, 1, 0, 2, 1, 0], [UInt8](repeating: 0, count: 64)] {
            // Ed25519's small-order points verify such a signature by their nature; whoever owns the key may choose that.
            if key.kind == .ed25519, signature.count == 64 { continue }
            try require(!key.verify(signature: signature, message: message), "it verifies \(signature)")
        }
        guard let listed = try refusing(CryptoError.self, { try MetadataKey(key) }) else { return }
        try require(listed.publicKey() == key, "another key in metadata")
    }

    /// A key that is taken signs what its other half verifies, and is the same after it was written and read.
    private static func checkPrivateKey(pem: [UInt8]) throws {
        let passphrase: [UInt8]? = PrivateKey.isEncrypted(pem: pem) ? Array("passphrase".utf8) : nil
        let read = try refusing(CryptoError.self) {
            try PrivateKey(pem: pem, source: "input", passphrase: passphrase)
        }
        guard let key = read else { return }
        let publicKey = try key.publicKey
        let message = Array("message".utf8)
        try require(
            publicKey.verify(signature: try key.sign(message), message: message),
            "its public half doesn't verify what it signs"
        )
        let again = try PrivateKey(pem: try key.pemBytes(), source: "again")
        try require(try again.publicKey == publicKey, "another key after writing and reading")
    }

    /// A key object, as the delegations of targets metadata carry it.
    private static func readKeyObject(_ input: [UInt8]) throws {
        let before = """
            {"signatures":[{"keyid":"k","sig":"00"}],"signed":{"_type":"targets","spec_version":"1.0.34","version":1,\
            "expires":"2027-01-01T00:00:00Z","targets":{},"delegations":{"roles":[{"name":"r","keyids":["k"],\
            "threshold":1,"terminating":false,"paths":["*"]}],"keys":{"k":
            """
        let text = Array(before.utf8) + input + Array("}}}}".utf8)
        let read = try refusing(UpdateError.self) {
            try MetadataDocument<TargetsMetadata>(parsing: text, as: .targets, limitBytes: 1 << 20)
        }
        guard let document = read, let delegations = document.body.delegations, let key = delegations.keys["k"],
            let role = delegations.roles.first
        else { return }
        let isVerified: Void? = try refusing(UpdateError.self) {
            try document.verify(role.keys, keys: delegations.keys, delegator: "it")
        }
        try require(isVerified == nil, "a signature of one byte is right")
        guard let publicKey = key.publicKey() else { return }
        try require(MetadataKey(publicKey).publicKey() == publicKey, "another key after writing it anew")
    }
}
