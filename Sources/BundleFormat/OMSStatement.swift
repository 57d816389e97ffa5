package import Digest
import JSON

/// What an OMS signature says: an in-toto statement v1 with the predicate of OMS v1.0.
///
/// Only verification and signing make one, so holding it means that the signature held.
package struct OMSStatement: Sendable, Equatable {
    static let type = "https://in-toto.io/Statement/v1"
    static let predicateType = "https://model_signing/signature/v1.0"
    /// Top-level names that the reference implementation always ignores and always records.
    package static let defaultIgnoredPaths = [".git", ".gitattributes", ".github", ".gitignore"]
    /// The signature's path, for messages.
    let source: String
    /// The name that the signer gave the tree. Informative: nothing binds it.
    package let modelName: String
    /// The signed files in the signer's order.
    package let resources: [OMSResource]
    /// What the signer left out, beside what verifiers always ignore.
    package let ignoredPaths: [String]

    /// SHA-256 over the digests of the resources, in their order. The order is the signer's, so this is no identity
    /// across tools.
    package var rootDigest: SHA256Digest { resources.rootDigest }

    /// A statement about these resources, as `OMSSignature.sign` makes it. Throws for names that can't be signed.
    init(modelName: String, resources: [OMSResource]) throws(OMSError) {
        source = "the signature"
        self.modelName = modelName
        self.resources = resources.sortedByName()
        ignoredPaths = OMSStatement.defaultIgnoredPaths
        guard !resources.isEmpty else { throw .nothingToSign }
        try OMSStatement.checkNames(self.resources, source: source)
        for resource in resources where ignoredPaths.contains(where: resource.isAtOrBelow) {
            throw .ignoredName(name: resource.name)
        }
    }

    /// Reads a statement whose signature has been verified.
    init(verified payload: [UInt8], source: String) throws(OMSError) {
        self.source = source
        let document: OMSStatementDocument
        do throws(JSONError) {
            document = try OMSStatementDocument(payload)
        } catch {
            throw .malformed(source: source, error)
        }
        modelName = document.modelName
        resources = document.resources
        ignoredPaths = document.ignoredPaths
        guard document.rootDigest == rootDigest else { throw .wrongRootDigest(source: source) }
        try OMSStatement.checkNames(resources, source: source)
    }

    /// Names that lead out of the tree, or that stand twice with perhaps two digests, are the signer's mistake or worse.
    private static func checkNames(_ resources: [OMSResource], source: String) throws(OMSError) {
        for resource in resources where !OMSResource.isPlain(resource.name) {
            throw .unsafeName(source: source, name: resource.name)
        }
        let sorted = resources.sortedByName()
        for (resource, next) in zip(sorted, sorted.dropFirst())
        where resource.name.utf8.elementsEqual(next.name.utf8) {
            throw .duplicateName(source: source, name: next.name)
        }
    }

    /// The canonical JSON that is signed.
    func encoded() throws(JSONError) -> [UInt8] {
        let resources = resources.map { resource -> JSONValue in
            ["algorithm": "sha256", "digest": .string(resource.digest.hex), "name": .string(resource.name)]
        }
        let statement: JSONValue = [
            "_type": .string(OMSStatement.type),
            "predicateType": .string(OMSStatement.predicateType),
            "subject": [["digest": ["sha256": .string(rootDigest.hex)], "name": .string(modelName)]],
            "predicate": [
                "resources": .array(resources),
                "serialization": [
                    "allow_symlinks": false, "hash_type": "sha256",
                    "ignore_paths": .array(ignoredPaths.map { .string($0) }), "method": "files",
                ],
            ],
        ]
        return try statement.canonicalBytes()
    }
}
