package import Crypto
package import JSON

/// A DSSE envelope (secure-systems-lab/dsse v1.0.0): bytes, their type, and signatures over both.
///
/// It carries OMS signatures and other attestations, which differ in payload type and in what the payload says.
package struct DSSEEnvelope: Sendable, Equatable {
    /// One signature over the pre-authentication encoding.
    package struct Signature: Sendable, Equatable {
        /// An unauthenticated hint at the key; empty where there is none.
        package let keyID: String
        /// The signature's bytes.
        package let bytes: [UInt8]

        package init(keyID: String, bytes: [UInt8]) {
            self.keyID = keyID
            self.bytes = bytes
        }
    }

    /// The payload type of in-toto statements.
    package static let inTotoPayloadType = "application/vnd.in-toto+json"

    /// What the payload is; part of what is signed.
    package let payloadType: String
    /// What was signed, byte for byte. **Not verified by being here.**
    package let payload: [UInt8]
    /// At least one.
    package let signatures: [Signature]

    package init(payloadType: String, payload: [UInt8], signatures: [Signature]) {
        self.payloadType = payloadType
        self.payload = payload
        self.signatures = signatures
    }

    /// An envelope with one signature by `key`. Throws for other keys than ECDSA's: OMS v1.0 has no others.
    package static func signed(
        payloadType: String,
        payload: [UInt8],
        key: PrivateKey
    ) throws(CryptoError) -> DSSEEnvelope {
        _ = try key.curve(for: "sign bundles")
        let bytes = try key.sign(preAuthenticationEncoding(payloadType: payloadType, payload: payload))
        return DSSEEnvelope(
            payloadType: payloadType,
            payload: payload,
            signatures: [Signature(keyID: "", bytes: bytes)]
        )
    }

    /// The bytes that signatures are over: `DSSEv1 LENGTH TYPE LENGTH PAYLOAD`, lengths in bytes as decimals.
    package static func preAuthenticationEncoding(payloadType: String, payload: [UInt8]) -> [UInt8] {
        Array("DSSEv1 \(payloadType.utf8.count) \(payloadType) \(payload.count) ".utf8) + payload
    }

    /// True if one of the signatures is this key's over this payload and type.
    package func isSigned(by key: PublicKey) -> Bool {
        let message = DSSEEnvelope.preAuthenticationEncoding(payloadType: payloadType, payload: payload)
        return signatures.contains { key.verify(signature: $0.bytes, message: message) }
    }

    /// Reads the JSON form. Members that DSSE doesn't name are refused, as `model_signing` does.
    package init(_ fields: JSONFields) throws(JSONError) {
        try fields.refuseUnknown(known: ["payload", "payloadType", "signatures"])
        payloadType = try fields.string("payloadType")
        payload = try fields.base64("payload")
        var signatures: [Signature] = []
        for (index, value) in try fields.array("signatures").enumerated() {
            let signature = try JSONFields(value, path: "\(fields.path).signatures[\(index)]")
            try signature.refuseUnknown(known: ["keyid", "sig"])
            signatures.append(
                Signature(
                    keyID: try signature.optionalString("keyid") ?? "",
                    bytes: try signature.base64("sig")
                )
            )
        }
        guard !signatures.isEmpty else { throw fields.problem("signatures", "is empty") }
        self.signatures = signatures
    }

    /// The JSON form.
    package var json: JSONValue {
        let signatures = signatures.map { signature -> JSONValue in
            ["keyid": .string(signature.keyID), "sig": .string(Base64.encode(signature.bytes))]
        }
        return [
            "payload": .string(Base64.encode(payload)), "payloadType": .string(payloadType),
            "signatures": .array(signatures),
        ]
    }
}

extension JSONFields {
    /// A member that is standard, padded base64.
    func base64(_ name: String) throws(JSONError) -> [UInt8] {
        guard let bytes = Base64.decode(try string(name)) else {
            throw problem(name, "is not standard base64 with padding")
        }
        return bytes
    }

    /// Throws for a member whose name is not `known`.
    func refuseUnknown(known: Set<String>) throws(JSONError) {
        if let name = object.names.first(where: { !known.contains($0) }) {
            throw problem(name, "is not known")
        }
    }
}
