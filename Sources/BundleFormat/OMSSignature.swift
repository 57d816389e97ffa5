package import Crypto
import Digest
import JSON

/// An OMS v1.0 signature (ossf/model-signing-spec spec/v1.0.md): a sigstore bundle v0.3 with a DSSE envelope with an
/// in-toto statement about every file of a tree. `model.sig` is its file name.
///
/// Parsed is not verified: only `verify` hands out what it says.
package struct OMSSignature: Sendable {
    /// How the signer is known.
    package enum Method: Sendable {
        /// By a public key that the verifier has. The hint is the SHA-256 of its PEM text, where the signer gave one.
        case publicKey(hint: String?)
        /// By certificates that come along and lead to a root that the verifier has.
        case certificates(CertificateChain)
    }

    static let mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"
    /// The longest signature that is read; the payload inside is base64, a third longer than itself.
    package static let limitBytes = 64 << 20
    /// The outer document is small but for one long string.
    static let limits = JSONLimits(bytes: limitBytes, depth: 16, values: 10_000)

    /// The signature's path, for messages.
    package let source: String
    /// How the signer is known.
    package let method: Method
    /// The envelope as it came, not verified.
    package let envelope: DSSEEnvelope

    /// The hint that signatures name a key by: the SHA-256 of its PEM text, as `sha256sum KEY.pub` prints it.
    package static func hint(of key: PublicKey) -> String {
        SHA256.digest(key.pemBytes).hex
    }

    /// Signs a tree with the key method and returns the document to write as `model.sig`.
    ///
    /// - Parameters:
    ///   - resources: every regular file of the tree, in any order.
    ///   - modelName: what to call the tree; informative.
    ///   - key: the signer's key. ECDSA signatures differ each time, so the result does, too.
    package static func sign(
        resources: [OMSResource],
        modelName: String,
        key: PrivateKey
    ) throws(OMSError) -> [UInt8] {
        let statement = try OMSStatement(modelName: modelName, resources: resources)
        let payload = try reading("the statement") { () throws(JSONError) in try statement.encoded() }
        let envelope: DSSEEnvelope
        let hint: String
        do throws(CryptoError) {
            envelope = try .signed(payloadType: DSSEEnvelope.inTotoPayloadType, payload: payload, key: key)
            hint = OMSSignature.hint(of: try key.publicKey)
        } catch {
            throw .signing(error)
        }
        let document: JSONValue = [
            "mediaType": .string(mediaType),
            "verificationMaterial": ["publicKey": ["hint": .string(hint)], "tlogEntries": []],
            "dsseEnvelope": envelope.json,
        ]
        return try reading("the signature") { () throws(JSONError) in try document.canonicalBytes() }
    }

    /// Reads a signature without verifying it. At most 64 MiB.
    ///
    /// - Parameter source: what messages call the signature, usually its path.
    package static func parse(_ bytes: [UInt8], source: String) throws(OMSError) -> OMSSignature {
        let (material, envelope) = try reading(source) { () throws(JSONError) in
            let fields = try JSONFields(JSONValue.parse(bytes, limits: limits), path: "")
            try fields.refuseUnknown(known: ["mediaType", "verificationMaterial", "dsseEnvelope"])
            try fields.require("mediaType", mediaType)
            let envelope = try DSSEEnvelope(fields.fields("dsseEnvelope"))
            return (try fields.fields("verificationMaterial"), envelope)
        }
        let method = try Method(material, source: source)
        return OMSSignature(source: source, method: method, envelope: envelope)
    }

    /// What the signature says, if it was made by this key. Throws for a signature of the certificate method.
    package func verify(publicKey: PublicKey) throws(OMSError) -> OMSStatement {
        guard case .publicKey(let hint) = method else {
            throw .otherMethod(source: source, carries: "a certificate", given: "a public key")
        }
        let given = OMSSignature.hint(of: publicKey)
        if let hint, hint != given { throw .otherKey(source: source, signedBy: hint, given: given) }
        return try statement(signedBy: publicKey)
    }

    /// What the signature says, if the certificates that it carries lead to one of the roots, were valid at that time and
    /// are made out for signing. Throws for a signature of the key method.
    package func verify(chainTo roots: [Certificate], time: ChainTime) throws(OMSError) -> OMSStatement {
        guard case .certificates(let chain) = method else {
            throw .otherMethod(source: source, carries: "no certificate", given: "root certificates")
        }
        let key: PublicKey
        do throws(CryptoError) {
            try chain.verify(roots: roots, time: time)
            key = try chain.signer.publicKey
        } catch {
            throw .certificate(source: source, error)
        }
        return try statement(signedBy: key)
    }

    private func statement(signedBy key: PublicKey) throws(OMSError) -> OMSStatement {
        guard case .ecdsa = key.kind else { throw .unsupportedKey(kind: "\(key.kind)") }
        // The reference looks at the first signature only, so a second one means different things to different readers.
        guard envelope.signatures.count == 1 else {
            throw .severalSignatures(source: source, count: envelope.signatures.count)
        }
        guard envelope.payloadType == DSSEEnvelope.inTotoPayloadType else {
            let problem = "\(quoted(envelope.payloadType)) is not supported"
            throw .malformed(source: source, .unexpected(path: "dsseEnvelope.payloadType", problem: problem))
        }
        guard envelope.isSigned(by: key) else { throw .wrongSignature(source: source) }
        return try OMSStatement(verified: envelope.payload, source: source)
    }
}

extension OMSSignature.Method {
    /// Reads `verificationMaterial`, which names exactly one method.
    init(_ material: JSONFields, source: String) throws(OMSError) {
        let methods = ["publicKey", "x509CertificateChain", "certificate"].filter { material.optional($0) != nil }
        self = try reading(source) { () throws(JSONError) in
            try material.refuseUnknown(
                known: ["publicKey", "x509CertificateChain", "certificate", "tlogEntries", "timestampVerificationData"]
            )
            switch methods {
            case ["publicKey"]:
                let key = try material.fields("publicKey")
                // The other two are from versions before 1.1, which gave the key instead of the hint. It is not believed.
                try key.refuseUnknown(known: ["hint", "rawBytes", "keyDetails"])
                return .publicKey(hint: try key.optionalString("hint"))
            case ["x509CertificateChain"]: return .certificates(try Self.chain(material.fields("x509CertificateChain")))
            case ["certificate"]:
                throw material.problem("certificate", "keyless signatures need the network and are not supported")
            default:
                throw material.problem("publicKey", "exactly one of a key and certificates must be there")
            }
        }
    }

    private static func chain(_ fields: JSONFields) throws(JSONError) -> CertificateChain {
        try fields.refuseUnknown(known: ["certificates"])
        var certificates: [Certificate] = []
        for (index, value) in try fields.array("certificates").enumerated() {
            let element = try JSONFields(value, path: "\(fields.path).certificates[\(index)]")
            try element.refuseUnknown(known: ["rawBytes"])
            let der = try element.base64("rawBytes")
            do throws(CryptoError) {
                certificates.append(try Certificate(der: der, source: element.path))
            } catch {
                throw element.problem("rawBytes", error.message)
            }
        }
        guard let signer = certificates.first else { throw fields.problem("certificates", "is empty") }
        return CertificateChain(signer: signer, intermediates: Array(certificates.dropFirst()))
    }
}

/// Runs `body`, with errors about the document as errors about the signature at `source`.
private func reading<Result>(
    _ source: String,
    _ body: () throws(JSONError) -> Result
) throws(OMSError) -> Result {
    do throws(JSONError) {
        return try body()
    } catch {
        throw .malformed(source: source, error)
    }
}
