import FileSystem
import Testing

@testable import Crypto

@Suite("Signatures")
struct SignatureTests {
    static let message = Array("the message\n".utf8)

    /// A new key of each kind that is made, and one on the curve that only bundles are signed with.
    static func kinds() throws -> [PrivateKey] {
        try KeyType.allCases.map { try PrivateKey.generate($0) } + [try PrivateKey.generate(curve: .p521)]
    }

    @Test(arguments: try SignatureTests.kinds())
    func verifiesOnlyTheSignedBytesByTheSigningKey(key: PrivateKey) throws {
        let signature = try key.sign(Self.message)
        let publicKey = try key.publicKey
        #expect(publicKey.kind == key.kind)
        #expect(publicKey.verify(signature: signature, message: Self.message))
        #expect(!publicKey.verify(signature: signature, message: Self.message + [0]))
        #expect(!publicKey.verify(signature: signature, message: []))
        let other = try PrivateKey.generate().publicKey
        #expect(!other.verify(signature: signature, message: Self.message))
        #expect(publicKey != other)
    }

    @Test
    func signsAnEmptyMessage() throws {
        let key = try PrivateKey.generate()
        #expect(try key.publicKey.verify(signature: try key.sign([]), message: []))
    }

    @Test
    func refusesEveryFlippedBitOfASignature() throws {
        let key = try Fixture.privateKey("p256.pem")
        let publicKey = try key.publicKey
        let signature = try key.sign(Self.message)
        for position in signature.indices {
            for bit in 0..<8 {
                var damaged = signature
                damaged[position] ^= 1 << bit
                #expect(!publicKey.verify(signature: damaged, message: Self.message))
            }
        }
    }

    @Test(arguments: ["p256.pub", "p521.pub", "ed25519.pub", "rsa2048.pub"])
    func treatsAMalformedSignatureAsAWrongOne(name: String) throws {
        let key = try Fixture.publicKey(name)
        let malformed: [[UInt8]] = [
            [], [0], [0x30], [0x30, 0x00], [0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00],
            [0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF], [UInt8](repeating: 0, count: 64),
            [UInt8](repeating: 0xFF, count: 256), [UInt8](repeating: 0x30, count: 100_000),
        ]
        for signature in malformed {
            #expect(!key.verify(signature: signature, message: Self.message))
            #expect(!OpenSSL.hasPendingErrors)
        }
    }

    @Test
    func refusesASignatureWithBytesBehindIt() throws {
        let key = try Fixture.privateKey("p256.pem")
        let signature = try key.sign(Self.message)
        #expect(try !key.publicKey.verify(signature: signature + [0], message: Self.message))
    }

    struct EdwardsVector: Sendable {
        let key: String
        let message: String
        let signature: String
    }

    /// RFC 8032 section 7.1, tests 1 to 3.
    static let edwardsVectors = [
        EdwardsVector(
            key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            message: "",
            signature: "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
                + "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
        EdwardsVector(
            key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            message: "72",
            signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0"
                + "85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
        EdwardsVector(
            key: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            message: "af82",
            signature: "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1"
                + "8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ]

    @Test(arguments: edwardsVectors)
    func verifiesTheEd25519VectorsOfTheStandard(vector: EdwardsVector) throws {
        let key = try PublicKey(ed25519: hex(vector.key), source: "RFC 8032")
        #expect(key.kind == .ed25519)
        #expect(key.verify(signature: hex(vector.signature), message: hex(vector.message)))
        #expect(!key.verify(signature: hex(vector.signature), message: hex(vector.message) + [1]))
    }

    @Test(arguments: [
        ("ed25519.pub", "ed25519.sig"), ("rsa2048.pub", "rsa-pss-salt32.sig"), ("rsa2048.pub", "rsa-pss-salt0.sig"),
    ])
    func verifiesWhatOpenSSLSigned(key: String, signature: String) throws {
        let key = try Fixture.publicKey(key)
        let signature = try Fixture.bytes(signature)
        #expect(key.verify(signature: signature, message: try Fixture.bytes("message")))
        #expect(!key.verify(signature: signature, message: Array("another message".utf8)))
    }

    @Test
    func refusesAnRSASignatureOfTheOlderPadding() throws {
        let key = try Fixture.publicKey("rsa2048.pub")
        #expect(key.kind == .rsa(bits: 2048))
        #expect(!key.verify(signature: try Fixture.bytes("rsa-pkcs1.sig"), message: try Fixture.bytes("message")))
    }

    @Test(arguments: [
        (KeyType.p256, KeyKind.ecdsa(.p256)), (.p384, .ecdsa(.p384)), (.ed25519, .ed25519), (.rsa, .rsa(bits: 3072)),
    ])
    func makesAKeyOfTheKindThatIsAskedFor(type: KeyType, kind: KeyKind) throws {
        #expect(try PrivateKey.generate(type).kind == kind)
    }

    @Test
    func usesASaltOf32BytesAndMGF1OfSHA256() throws {
        let key = try Fixture.privateKey("rsa2048.pem")
        guard Fixture.hasOpenSSL() else { return }
        let directory = try TemporaryDirectory(prefix: "signature-tests")
        try FileSystem.write(Self.message, to: "\(directory.path)/message")
        try FileSystem.write(key.sign(Self.message), to: "\(directory.path)/ours")
        let verify =
            "openssl dgst -sha256 -verify '\(Fixture.folder)/rsa2048.pub' -sigopt rsa_padding_mode:pss"
            + " -sigopt rsa_mgf1_md:sha256"
        let files = "-signature '\(directory.path)/ours' '\(directory.path)/message'"
        #expect(Fixture.run("\(verify) -sigopt rsa_pss_saltlen:32 \(files) >/dev/null") == 0)
        #expect(Fixture.run("\(verify) -sigopt rsa_pss_saltlen:20 \(files) >/dev/null 2>&1") != 0)
    }

    @Test(arguments: try SignatureTests.kinds())
    func opensslVerifiesWhatWeSignAndWeVerifyWhatItSigns(key: PrivateKey) throws {
        guard Fixture.hasOpenSSL() else { return }
        let options =
            switch key.kind {
            case .ecdsa(.p256): "-digest sha256"
            case .ecdsa(.p384): "-digest sha384"
            case .ecdsa(.p521): "-digest sha512"
            case .ed25519: ""
            case .rsa:
                "-digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_mgf1_md:sha256 -pkeyopt rsa_pss_saltlen:32"
            }
        let directory = try TemporaryDirectory(prefix: "signature-tests")
        let folder = directory.path
        try FileSystem.write(Self.message, to: "\(folder)/message")
        try FileSystem.write(key.pemBytes(), to: "\(folder)/key.pem")
        try FileSystem.write(key.publicKey.pemBytes, to: "\(folder)/key.pub")
        try FileSystem.write(key.sign(Self.message), to: "\(folder)/ours")
        let program = "cd '\(folder)' && openssl pkeyutl -rawin -in message \(options)"
        #expect(Fixture.run("\(program) -verify -pubin -inkey key.pub -sigfile ours >/dev/null") == 0)
        #expect(Fixture.run("cd '\(folder)' && openssl pkey -in key.pem -pubout | cmp - key.pub") == 0)
        #expect(Fixture.run("cd '\(folder)' && openssl pkey -in key.pem | cmp - key.pem") == 0)
        try #require(Fixture.run("\(program) -sign -inkey key.pem -out theirs") == 0)
        let theirs = try FileSystem.read("\(folder)/theirs", limit: 1000)
        #expect(try key.publicKey.verify(signature: theirs, message: Self.message))
    }
}
