import Crypto
import Diagnostics
import Digest
import JSON
import Testing

@testable import BundleFormat

/// One change to a good document each, signed again where the change is inside what is signed, so that each refusal is for
/// the reason it names.
@Suite("OMS mutations")
struct OMSMutationTests {
    struct Mutation: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Changes the statement before it is signed.
        var statement: @Sendable (inout JSONValue) -> Void = { _ in }
        /// Changes the finished document.
        var document: @Sendable (inout JSONValue) -> Void = { _ in }
        /// Part of the refusal's message, or nil where the change is harmless.
        let refusal: String?
    }

    static let mutations = documentMutations + statementMutations + resourceMutations

    static let documentMutations = [
        Mutation(testDescription: "nothing", refusal: nil),
        Mutation(
            testDescription: "no tlogEntries",
            document: { $0.edit("verificationMaterial") { $0.set("tlogEntries", nil) } },
            refusal: nil
        ),
        Mutation(testDescription: "no keyid", document: { $0.editSignature { $0.set("keyid", nil) } }, refusal: nil),
        Mutation(
            testDescription: "keyid null",
            document: { $0.editSignature { $0.set("keyid", .null) } },
            refusal: nil
        ),
        Mutation(
            testDescription: "no hint",
            document: { $0.edit("verificationMaterial", "publicKey") { $0.set("hint", nil) } },
            refusal: nil
        ),
        Mutation(
            testDescription: "key details of older versions",
            document: {
                $0.edit("verificationMaterial", "publicKey") {
                    $0 = ["rawBytes": "AA==", "keyDetails": "PKIX_ECDSA_P256_SHA_256"]
                }
            },
            refusal: nil
        ),
        Mutation(
            testDescription: "wrong hint",
            document: { $0.edit("verificationMaterial", "publicKey") { $0.set("hint", "00") } },
            refusal: "was made with key"
        ),
        Mutation(
            testDescription: "older media type",
            document: { $0.set("mediaType", "application/vnd.dev.sigstore.bundle+json;version=0.3") },
            refusal: "mediaType"
        ),
        Mutation(
            testDescription: "media type v0.2",
            document: { $0.set("mediaType", "application/vnd.dev.sigstore.bundle.v0.2+json") },
            refusal: "mediaType"
        ),
        Mutation(
            testDescription: "unknown top-level member",
            document: { $0.set("more", 1) },
            refusal: "more: is not known"
        ),
        Mutation(
            testDescription: "unknown envelope member",
            document: { $0.edit("dsseEnvelope") { $0.set("more", 1) } },
            refusal: "dsseEnvelope.more: is not known"
        ),
        Mutation(
            testDescription: "keyless certificate",
            document: { $0.set("verificationMaterial", ["certificate": ["rawBytes": "AA=="]]) },
            refusal: "keyless"
        ),
        Mutation(
            testDescription: "key and certificates",
            document: {
                $0.edit("verificationMaterial") { $0.set("x509CertificateChain", ["certificates": []]) }
            },
            refusal: "exactly one of a key and certificates"
        ),
        Mutation(
            testDescription: "no certificate in the chain",
            document: { $0.set("verificationMaterial", ["x509CertificateChain": ["certificates": []]]) },
            refusal: "certificates: is empty"
        ),
        Mutation(
            testDescription: "certificate that is none",
            document: {
                $0.set("verificationMaterial", ["x509CertificateChain": ["certificates": [["rawBytes": "AA=="]]]])
            },
            refusal: "certificates[0].rawBytes"
        ),
        Mutation(
            testDescription: "second signature",
            document: {
                $0.edit("dsseEnvelope", "signatures") { $0 = .array(($0.arrayValue ?? []) + [["sig": "AA=="]]) }
            },
            refusal: "carries 2 signatures"
        ),
        Mutation(
            testDescription: "first signature bad",
            document: { $0.editSignature { $0.set("sig", "MAYCAQECAQE=") } },
            refusal: "does not hold"
        ),
        Mutation(
            testDescription: "another payload type",
            document: { $0.edit("dsseEnvelope") { $0.set("payloadType", "application/json") } },
            refusal: "payloadType"
        ),
        Mutation(
            testDescription: "payload in another base64 alphabet",
            document: { $0.edit("dsseEnvelope") { $0.set("payload", "_-8=") } },
            refusal: "payload: is not standard base64"
        ),
    ]

    static let statementMutations = [
        Mutation(
            testDescription: "other subject name",
            statement: { $0.editSubject { $0.set("name", "another") } },
            refusal: nil
        ),
        Mutation(
            testDescription: "further subject digest",
            statement: { $0.editSubject { $0.edit("digest") { $0.set("sha512", "00") } } },
            refusal: nil
        ),
        Mutation(
            testDescription: "unknown predicate member",
            statement: { $0.edit("predicate") { $0.set("more", 1) } },
            refusal: nil
        ),
        Mutation(
            testDescription: "unknown serialization member",
            statement: { $0.edit("predicate", "serialization") { $0.set("more", 1) } },
            refusal: nil
        ),
        Mutation(
            testDescription: "no ignore_paths",
            statement: { $0.edit("predicate", "serialization") { $0.set("ignore_paths", nil) } },
            refusal: nil
        ),
        Mutation(
            testDescription: "older statement type",
            statement: { $0.set("_type", "https://in-toto.io/Statement/v0.1") },
            refusal: "_type"
        ),
        Mutation(
            testDescription: "older predicate",
            statement: { $0.set("predicateType", "https://model_signing/Digests/v0.1") },
            refusal: "predicateType"
        ),
        Mutation(
            testDescription: "two subjects",
            statement: { $0.edit("subject") { $0 = .array(($0.arrayValue ?? []) + ($0.arrayValue ?? [])) } },
            refusal: "holds 2 subjects"
        ),
        Mutation(
            testDescription: "wrong root digest",
            statement: {
                $0.editSubject { $0.set("digest", ["sha256": .string(String(repeating: "0", count: 64))]) }
            },
            refusal: "root digest"
        ),
        Mutation(
            testDescription: "no root digest",
            statement: { $0.editSubject { $0.set("digest", [:]) } },
            refusal: "digest.sha256: is missing"
        ),
        Mutation(
            testDescription: "shards",
            statement: { $0.edit("predicate", "serialization") { $0.set("method", "shards") } },
            refusal: "\"shards\" is not supported"
        ),
        Mutation(
            testDescription: "blake2b",
            statement: { $0.edit("predicate", "serialization") { $0.set("hash_type", "blake2b") } },
            refusal: "\"blake2b\" is not supported"
        ),
        Mutation(
            testDescription: "symbolic links allowed",
            statement: { $0.edit("predicate", "serialization") { $0.set("allow_symlinks", true) } },
            refusal: "allow_symlinks"
        ),
        Mutation(
            testDescription: "script left out",
            statement: { $0.edit("predicate", "serialization") { $0.set("ignore_paths", [".git", "score.py"]) } },
            refusal: "leaves files unsigned: \"score.py\""
        ),
    ]

    static let resourceMutations = [
        Mutation(
            testDescription: "unknown resource member",
            statement: { $0.editResources { $0[0].set("size", 3) } },
            refusal: nil
        ),
        Mutation(testDescription: "other order", statement: { $0.editResources { $0.reverse() } }, refusal: nil),
        Mutation(
            testDescription: "resource hashed otherwise",
            statement: { $0.editResources { $0[0].set("algorithm", "blake3") } },
            refusal: "algorithm"
        ),
        Mutation(
            testDescription: "digest in capitals",
            statement: { $0.editResources { $0[0].set("digest", .string(String(repeating: "A", count: 64))) } },
            refusal: "resources[0].digest"
        ),
        Mutation(
            testDescription: "name above the tree",
            statement: { $0.editResources { $0[0].set("name", "../a") } },
            refusal: "\"../a\", which is no plain path"
        ),
        Mutation(
            testDescription: "absolute name",
            statement: { $0.editResources { $0[0].set("name", "/a") } },
            refusal: "\"/a\", which is no plain path"
        ),
        Mutation(
            testDescription: "name twice",
            statement: { $0.editResources { $0.append($0[0]) } },
            refusal: "names \"a\" twice"
        ),
        Mutation(
            testDescription: "file missing",
            statement: {
                $0.editResources {
                    $0.append($0[0]); $0[2].set("name", "c")
                }
            },
            refusal: "missing: \"c\""
        ),
        Mutation(
            testDescription: "file not signed",
            statement: { $0.editResources { $0.removeLast() } },
            refusal: "not signed: \"b\""
        ),
        Mutation(
            testDescription: "byte changed",
            statement: { $0.editResources { $0[1].set("digest", .string(String(repeating: "1", count: 64))) } },
            refusal: "changed: \"b\""
        ),
    ]

    @Test(arguments: mutations)
    func acceptsOnlyHarmlessChanges(mutation: Mutation) throws {
        let key = try OMSFixture.privateKey("p256")
        let tree = ["a", "b"].map { OMSResource(name: $0, digest: SHA256.digest($0.utf8)) }
        var statement = try JSONValue.parse(
            OMSStatement(modelName: "model", resources: tree).encoded(),
            limits: .document
        )
        mutation.statement(&statement)
        let envelope = try DSSEEnvelope.signed(
            payloadType: DSSEEnvelope.inTotoPayloadType,
            payload: statement.compactBytes(),
            key: key
        )
        let publicKey = try key.publicKey
        let hint = OMSSignature.hint(of: publicKey)
        var document: JSONValue = [
            "mediaType": .string(OMSSignature.mediaType),
            "verificationMaterial": ["publicKey": ["hint": .string(hint)], "tlogEntries": []],
            "dsseEnvelope": envelope.json,
        ]
        mutation.document(&document)
        let outcome = Result { () throws(OMSError) in
            try OMSSignature.parse(document.compactBytes(), source: "model.sig")
                .verify(publicKey: publicKey)
                .requireMatch(tree)
        }
        switch (outcome, mutation.refusal) {
        case (.success, nil): break
        case (.success, let refusal?): Issue.record("accepted, though it should say: \(refusal)")
        case (.failure(let error), nil): Issue.record("refused: \(error)")
        case (.failure(let error), let refusal?): #expect(error.message.contains(refusal), "\(error)")
        }
    }

    @Test
    func refusesAKeyThatIsNoneOfOMS() throws {
        let key = try OMSFixture.publicKey("ed25519")
        var document = try JSONValue.parse(OMSFixture.bytes("key-p256.sig"), limits: .document)
        document.edit("verificationMaterial", "publicKey") { $0.set("hint", nil) }
        let signature = try OMSSignature.parse(document.compactBytes(), source: "model.sig")
        #expect(throws: OMSError.unsupportedKey(kind: "an Ed25519 key")) { try signature.verify(publicKey: key) }
    }
}

extension JSONValue {
    /// Sets or removes a member of an object.
    mutating func set(_ name: String, _ value: JSONValue?) {
        guard case .object(var object) = self else { return }
        object[name] = value
        self = .object(object)
    }

    /// Changes the value that a path of names leads to.
    mutating func edit(_ path: String..., change: (inout JSONValue) -> Void) {
        edit(path[...], change)
    }

    private mutating func edit(_ path: ArraySlice<String>, _ change: (inout JSONValue) -> Void) {
        guard let name = path.first else { return change(&self) }
        var value = self[name] ?? .null
        value.edit(path.dropFirst(), change)
        set(name, value)
    }

    mutating func editSignature(change: (inout JSONValue) -> Void) {
        edit("dsseEnvelope", "signatures") { signatures in
            var elements = signatures.arrayValue ?? []
            change(&elements[0])
            signatures = .array(elements)
        }
    }

    mutating func editSubject(change: (inout JSONValue) -> Void) {
        edit("subject") { subjects in
            var elements = subjects.arrayValue ?? []
            change(&elements[0])
            subjects = .array(elements)
        }
    }

    /// Changes the resources and makes the root digest fit them again.
    mutating func editResources(change: (inout [JSONValue]) -> Void) {
        var elements: [JSONValue] = []
        edit("predicate", "resources") { resources in
            elements = resources.arrayValue ?? []
            change(&elements)
            resources = .array(elements)
        }
        var hash = SHA256()
        for element in elements {
            hash.update(SHA256Digest(hex: element["digest"]?.stringValue ?? "")?.bytes ?? [])
        }
        let digest = hash.finalize().hex
        editSubject { $0.set("digest", ["sha256": .string(digest)]) }
    }
}
