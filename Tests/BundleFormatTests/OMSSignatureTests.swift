import Crypto
import Diagnostics
import Digest
import FileSystem
import Glibc
import JSON
import Testing

@testable import BundleFormat

@Suite("OMSSignature")
struct OMSSignatureTests {
    @Test(arguments: ["p256", "p384", "p521"])
    func verifiesWhatTheReferenceSigned(name: String) throws {
        let statement = try OMSFixture.signature("key-\(name).sig").verify(publicKey: OMSFixture.publicKey(name))
        #expect(statement.modelName == "model")
        #expect(statement.resources.count == 10)
        #expect(
            statement.rootDigest.hex == "b01d2bb354e55380ba00562c122008533f85a8ef511c3d866971e76b242148b0",
            "the reference orders names by components"
        )
        try statement.requireMatch(try OMSFixture.treeResources(), permittedIgnoredPaths: ["debug.log"])
    }

    @Test
    func verifiesWhatAnotherProducerSigned() throws {
        let statement = try OMSFixture.signature("min-p256.sig").verify(publicKey: OMSFixture.publicKey("p256"))
        #expect(
            statement.rootDigest.hex == "6e534092b2fe96dd1d1425367407f2a23e3f1c2c014d1099e004c98f885f4879",
            "this one orders names by code points"
        )
        try statement.requireMatch(try OMSFixture.treeResources(), permittedIgnoredPaths: ["debug.log"])
    }

    @Test(arguments: ["cert.sig", "min-cert.sig"])
    func verifiesCertificatesThatLeadToTheRoot(name: String) throws {
        let signature = try OMSFixture.signature(name)
        let roots = try OMSFixture.certificates("ca")
        let statement = try signature.verify(chainTo: roots, time: .at(seconds: OMSFixture.insideValidity))
        try statement.requireMatch(try OMSFixture.treeResources(), permittedIgnoredPaths: ["debug.log"])
        _ = try signature.verify(chainTo: roots, time: .signingCertificateNotBefore)
    }

    @Test
    func refusesCertificatesThatAreNoLongerValidOrLeadElsewhere() throws {
        let signature = try OMSFixture.signature("cert.sig")
        let roots = try OMSFixture.certificates("ca")
        let expired = #expect(throws: OMSError.self) {
            try signature.verify(chainTo: roots, time: .at(seconds: OMSFixture.afterValidity))
        }
        #expect(expired?.message.contains("expired") == true)
        for root in ["int", "leaf"] {
            #expect(throws: OMSError.self) {
                try signature.verify(
                    chainTo: OMSFixture.certificates(root),
                    time: .at(seconds: OMSFixture.insideValidity)
                )
            }
        }
        #expect(throws: OMSError.self) {
            try signature.verify(chainTo: [], time: .at(seconds: OMSFixture.insideValidity))
        }
    }

    @Test
    func doesNotMixUpTheTwoMethods() throws {
        #expect(
            throws: OMSError.otherMethod(source: "cert.sig", carries: "a certificate", given: "a public key")
        ) { try OMSFixture.signature("cert.sig").verify(publicKey: OMSFixture.publicKey("p256")) }
        #expect(
            throws: OMSError.otherMethod(source: "key-p256.sig", carries: "no certificate", given: "root certificates")
        ) {
            try OMSFixture.signature("key-p256.sig").verify(
                chainTo: OMSFixture.certificates("ca"),
                time: .signingCertificateNotBefore
            )
        }
    }

    @Test
    func namesBothKeysWhereAnotherOneSigned() throws {
        let error = #expect(throws: OMSError.self) {
            try OMSFixture.signature("key-p256.sig").verify(publicKey: OMSFixture.publicKey("p384"))
        }
        #expect(error?.exitCode == .signatureInvalid)
        #expect(error?.message.contains("8ad9ea7af1014121") == true)
    }

    @Test
    func hintIsTheDigestOfThePEMText() throws {
        #expect(
            OMSSignature.hint(of: try OMSFixture.publicKey("p256"))
                == "8ad9ea7af1014121b61aa9c44ee7d6fcfff74636fc63986e6a958f655ca89af4"
        )
    }

    @Test(arguments: EllipticCurve.allCases)
    func verifiesWhatItSigns(curve: EllipticCurve) throws {
        let key = try PrivateKey.generate(curve: curve)
        let tree = try OMSFixture.treeResources().filter { $0.name != ".gitignore" }
        let bytes = try OMSSignature.sign(resources: tree.reversed(), modelName: "digits", key: key)
        let signature = try OMSSignature.parse(bytes, source: "model.sig")
        let statement = try signature.verify(publicKey: key.publicKey)
        #expect(statement.modelName == "digits")
        #expect(statement.ignoredPaths == [".git", ".gitattributes", ".github", ".gitignore"])
        #expect(statement.resources == tree)
        try statement.requireMatch(tree)
    }

    /// OMS v1.0 has signatures by ECDSA keys only; other tools would not read these.
    @Test(arguments: [(KeyType.ed25519, "an Ed25519 key"), (.rsa, "an RSA key of 3072 bits")])
    func signsWithNoOtherKeysThanECDSA(type: KeyType, name: String) throws {
        let resource = OMSResource(name: "model.onnx", digest: SHA256.digest([1]))
        let error = #expect(throws: OMSError.self) {
            try OMSSignature.sign(resources: [resource], modelName: "m", key: try PrivateKey.generate(type))
        }
        #expect(
            error?.message
                == "the key is \(name), not an ECDSA P-256, P-384 or P-521 key, the ones that sign bundles"
        )
    }

    /// The payload of `min-p256.sig` is a producer's of its own in the same canonical form.
    @Test
    func writesTheSamePayloadAsTheOtherProducer() throws {
        let theirs = try OMSFixture.signature("min-p256.sig")
        let key = try OMSFixture.privateKey("p256")
        let resources = try theirs.verify(publicKey: key.publicKey).resources
        let ours = try OMSSignature.parse(
            try OMSSignature.sign(resources: resources.reversed(), modelName: "model", key: key),
            source: "ours"
        )
        let expected = String(decoding: theirs.envelope.payload, as: UTF8.self).split(separator: ",\"debug.log\"")
        #expect(expected.count == 2)
        #expect(String(decoding: ours.envelope.payload, as: UTF8.self) == expected.joined())
    }

    @Test
    func ordersNamesByCodePointsOfTheWholeName() throws {
        let names = ["model/inner", "model-card", "model.onnx", "z\u{FC}", "z", "\u{FF5E}", "\u{1F600}", "A"]
        let key = try PrivateKey.generate()
        let resources = names.map { OMSResource(name: $0, digest: SHA256.digest($0.utf8)) }
        let bytes = try OMSSignature.sign(resources: resources, modelName: "m", key: key)
        let statement = try OMSSignature.parse(bytes, source: "s").verify(publicKey: key.publicKey)
        #expect(
            statement.resources.map(\.name)
                == ["A", "model-card", "model.onnx", "model/inner", "z", "z\u{FC}", "\u{FF5E}", "\u{1F600}"]
        )
    }

    @Test(arguments: ["", "/etc/passwd", "../up", "a/../b", "a//b", "a/", "./a", ".", "a\0b"])
    func signsNoNameThatIsNoPlainPath(name: String) throws {
        let resource = OMSResource(name: name, digest: SHA256.digest([UInt8]()))
        #expect(throws: OMSError.unsafeName(source: "the signature", name: name)) {
            try OMSSignature.sign(resources: [resource], modelName: "m", key: try PrivateKey.generate())
        }
    }

    @Test(arguments: [".git/config", ".gitignore", ".github/workflows/ci.yml", ".gitattributes"])
    func signsNoNameThatVerifiersIgnore(name: String) throws {
        let resource = OMSResource(name: name, digest: SHA256.digest([UInt8]()))
        #expect(throws: OMSError.ignoredName(name: name)) {
            try OMSSignature.sign(resources: [resource], modelName: "m", key: try PrivateKey.generate())
        }
    }

    @Test(arguments: ["sub/.git/HEAD", ".gitmodules", ".github.md"])
    func signsNamesThatOnlyLookIgnored(name: String) throws {
        let resource = OMSResource(name: name, digest: SHA256.digest([UInt8]()))
        _ = try OMSSignature.sign(resources: [resource], modelName: "m", key: try PrivateKey.generate())
    }

    @Test
    func signsNothingTwiceAndNotNothing() throws {
        let resource = OMSResource(name: "a", digest: SHA256.digest([UInt8]()))
        #expect(throws: OMSError.duplicateName(source: "the signature", name: "a")) {
            try OMSSignature.sign(resources: [resource, resource], modelName: "m", key: try PrivateKey.generate())
        }
        #expect(throws: OMSError.nothingToSign) {
            try OMSSignature.sign(resources: [], modelName: "m", key: try PrivateKey.generate())
        }
    }

    @Test
    func survivesEveryCutAndRefusesFlippedBytes() throws {
        let bytes = try OMSFixture.bytes("min-p256.sig")
        let key = try OMSFixture.publicKey("p256")
        for length in stride(from: 0, to: bytes.count, by: 37) {
            #expect(throws: OMSError.self) { try OMSSignature.parse(Array(bytes.prefix(length)), source: "cut") }
        }
        for position in stride(from: 0, to: bytes.count, by: 11) {
            var damaged = bytes
            damaged[position] ^= 0x01
            #expect(throws: OMSError.self, "byte \(position)") {
                try OMSSignature.parse(damaged, source: "damaged").verify(publicKey: key)
            }
        }
    }

    /// `model_signing` 1.1.1 with pyOpenSSL, run by the Python that EDGE_TOOLS_PYTHON names.
    @Test(arguments: EllipticCurve.allCases)
    func theReferenceVerifiesWhatWeSign(curve: EllipticCurve) throws {
        guard let python = getenv("EDGE_TOOLS_PYTHON").map({ String(cString: $0) }) else {
            print("not judged by model_signing: EDGE_TOOLS_PYTHON names no Python that has it")
            return
        }
        guard OMSFixture.run("'\(python)' -c 'import model_signing, OpenSSL' 2>/dev/null") == 0 else {
            print("not judged by model_signing: \(python) can't import model_signing and pyOpenSSL")
            return
        }
        let directory = try TemporaryDirectory(prefix: "oms-tests")
        let tree = try OMSFixture.unpackTree(into: directory.path)
        try FileSystem.removeFile("\(tree)/.gitignore")
        let key = try PrivateKey.generate(curve: curve)
        let resources = try OMSFixture.resources(below: tree)
        let signature = try OMSSignature.sign(resources: resources, modelName: "model", key: key)
        try FileSystem.write(signature, to: "\(directory.path)/model.sig")
        try FileSystem.write(key.publicKey.pemBytes, to: "\(directory.path)/key.pub")
        let command =
            "cd '\(directory.path)' && '\(python)' -m model_signing verify key"
            + " --public_key key.pub --signature model.sig model >/dev/null 2>&1"
        #expect(OMSFixture.run(command) == 0)
        try FileSystem.write([0], to: "\(tree)/config.json")
        #expect(OMSFixture.run(command) == 1)
    }
}
