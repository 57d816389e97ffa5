import Crypto
import JSON
import Testing

@testable import UpdateFramework

@Suite struct MetadataKeyTests {
    // One P-256 key, made by `openssl ecparam -name prime256v1 -genkey`, and the same key with its point compressed
    // (`openssl ec -pubout -conv_form compressed`) and in both forms at once (`-conv_form hybrid`).
    private static let uncompressed = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3aAhq7RHVoW630efIdYgfIDGyFRV
        Bzj2v98CSLVWcIRsPaYuFJjrhGCydSM7X+HIgEURxFoUPaK5B1gyE44FQQ==
        -----END PUBLIC KEY-----
        """
    private static let compressed = """
        -----BEGIN PUBLIC KEY-----
        MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgAD3aAhq7RHVoW630efIdYgfIDGyFRV
        Bzj2v98CSLVWcIQ=
        -----END PUBLIC KEY-----
        """
    private static let hybrid = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAH3aAhq7RHVoW630efIdYgfIDGyFRV
        Bzj2v98CSLVWcIRsPaYuFJjrhGCydSM7X+HIgEURxFoUPaK5B1gyE44FQQ==
        -----END PUBLIC KEY-----
        """

    private func key(_ type: String, _ scheme: String, _ material: JSONValue) throws -> MetadataKey {
        try MetadataKey(
            id: "id",
            ["keytype": .string(type), "scheme": .string(scheme), "keyval": ["public": material]],
            path: "keys.id"
        )
    }

    @Test func isTheSameKeyHoweverItsPointIsWritten() throws {
        let keys = try [Self.uncompressed, Self.compressed, Self.hybrid].map {
            try PublicKey(pem: Array($0.utf8), source: "test")
        }
        #expect(Set(keys.map(\.material)).count == 1)
        #expect(keys[0].material.count == 33)
        let other = try PrivateKey.generate().publicKey
        #expect(other.material != keys[0].material)
        #expect(other.material.count == 33)
    }

    @Test(arguments: [
        ("ecdsa", true), ("ecdsa-sha2-nistp256", true), ("rsa", false), ("ed25519", false), ("dilithium", false),
    ])
    func takesTheKeyForWhatItsTypeSays(type: String, expected: Bool) throws {
        let key = try key(type, "ecdsa-sha2-nistp256", .string(Self.uncompressed))
        #expect((key.publicKey() != nil) == expected)
    }

    @Test func refusesAKeyOnAnotherCurveThanItsScheme() throws {
        #expect(try key("ecdsa", "ecdsa-sha2-nistp384", .string(Self.uncompressed)).publicKey() == nil)
        let p384 = String(decoding: try PrivateKey.generate(curve: .p384).publicKey.pemBytes, as: UTF8.self)
        #expect(try key("ecdsa", "ecdsa-sha2-nistp384", .string(p384)).publicKey() != nil)
        #expect(try key("ecdsa", "ecdsa-sha2-nistp256", .string(p384)).publicKey() == nil)
    }

    @Test(arguments: ["", "00", "zz", String(repeating: "0", count: 63), String(repeating: "0", count: 66)])
    func damagedMaterialCountsForNothing(material: String) throws {
        #expect(try key("ed25519", "ed25519", .string(material)).publicKey() == nil)
        #expect(try key("ecdsa", "ecdsa-sha2-nistp256", .string(material)).publicKey() == nil)
    }

    @Test func carriesTheNameOfItsHolderInItsID() throws {
        let publicKey = try PublicKey(pem: Array(Self.uncompressed.utf8), source: "test")
        let (bare, named) = (try MetadataKey(publicKey), try MetadataKey(publicKey, owner: "Alice Müller"))
        #expect(bare.owner == nil)
        #expect(bare.label == String(bare.id.prefix(8)))
        #expect(named.owner == "Alice Müller")
        #expect(named.label == "Alice Müller (\(named.id.prefix(8)))")
        #expect(named.id != bare.id)
        #expect(named.json["x-edge-owner"] == "Alice Müller")
        #expect(named.material == bare.material)
        #expect(named.material != nil)
    }

    @Test(arguments: ["", " alice", "alice ", "a\nb", "a\u{202E}b", String(repeating: "a", count: 65)])
    func takesNoNameThatWouldNotBeReadAsItIs(owner: String) throws {
        let publicKey = try PublicKey(pem: Array(Self.uncompressed.utf8), source: "test")
        #expect(throws: CryptoError.self) { try MetadataKey(publicKey, owner: owner) }
        let fields: JSONValue = [
            "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": ["public": .string(Self.uncompressed)],
            "x-edge-owner": .string(owner),
        ]
        // From elsewhere it verifies, and is called by its id.
        let key = try MetadataKey(id: "0123456789", fields, path: "keys.id")
        #expect(key.publicKey() != nil)
        #expect(key.label == "01234567")
    }

    @Test func keysOfUnknownKindsAreKeptAsTheyAre() throws {
        let json: JSONValue = ["keytype": "future", "scheme": "x", "keyval": ["a": [1, 2]], "extra": true]
        let key = try MetadataKey(id: "id", json, path: "keys.id")
        #expect(key.json == json)
        #expect(key.publicKey() == nil)
    }

    /// The test vector of RFC 8032 section 7.1, test 2.
    @Test func verifiesEd25519() throws {
        let key = try key("ed25519", "ed25519", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        let signature = try #require(
            bytes(
                hexadecimal: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
            )
        )
        let publicKey = try #require(key.publicKey())
        #expect(publicKey.verify(signature: signature, message: [0x72]))
        #expect(!publicKey.verify(signature: signature, message: [0x73]))
    }
}
