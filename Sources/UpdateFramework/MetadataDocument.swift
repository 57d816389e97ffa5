package import Crypto
internal import JSON

/// A signature as a document carries it.
package struct MetadataSignature: Sendable, Equatable {
    package let keyID: String
    /// Nil where what stood there is no hexadecimal text or empty: it verifies nothing. Repositories leave such places
    /// for people who have yet to sign.
    package let bytes: [UInt8]?
}

/// Signs metadata: a key in memory, or a program or device that keeps one.
package protocol MetadataSigner: Sendable {
    var key: MetadataKey { get }
    /// Over exactly these bytes.
    func sign(_ message: [UInt8]) throws -> [UInt8]
}

/// Signs with a key in memory.
package struct PrivateKeySigner: MetadataSigner {
    package let key: MetadataKey
    private let privateKey: PrivateKey

    package init(_ privateKey: PrivateKey) throws(CryptoError) {
        key = try MetadataKey(try privateKey.publicKey)
        self.privateKey = privateKey
    }

    package func sign(_ message: [UInt8]) throws -> [UInt8] { try privateKey.sign(message) }
}

/// A metadata file: a body and signatures over its canonical form (TUF 1.0.34 section 4.2).
package struct MetadataDocument<Body: MetadataBody>: Sendable {
    package let role: RoleName
    package let body: Body
    package internal(set) var signatures: [MetadataSignature]
    /// What is signed, with every field that was read.
    private let signed: CanonicalText

    /// What is signed: the canonical form of `signed`, with every field that was read.
    package var signedBytes: [UInt8] { signed.bytes }

    /// How many values a document may hold: what 5 MB of targets hold, with a digest and some words of their own each.
    private static var valueLimit: Int { 500_000 }

    /// An unsigned document.
    package init(_ body: Body, role: RoleName) throws(UpdateError) {
        self.role = role
        self.body = body
        signatures = []
        signed = try Self.usable(role) { () throws(JSONError) in try CanonicalText(body.json) }
    }

    /// Reads a document. Nothing in it is trusted before `verify`.
    package init(parsing bytes: [UInt8], as role: RoleName, limitBytes: Int) throws(UpdateError) {
        guard bytes.count <= limitBytes else { throw .tooLarge(file: role.listedName, limitBytes: limitBytes) }
        self.role = role
        let (signed, signatures) = try Self.usable(role) { () throws(JSONError) in
            let members = try CanonicalText.members(
                of: bytes,
                limits: JSONLimits(bytes: limitBytes, values: Self.valueLimit)
            )
            func member(_ name: String) throws(JSONError) -> CanonicalText {
                guard let text = members.first(where: { $0.name == name })?.text, text.value.kindName != "null" else {
                    throw .unexpected(path: name, problem: "is missing")
                }
                return text
            }
            return (try member("signed"), try member("signatures"))
        }
        guard let object = signed.value.object else {
            throw .unusable(role: role, reason: "signed: expected an object, found \(signed.value.kindName)")
        }
        let type = try Self.usable(role) { () throws(JSONError) in
            try object.fields(["_type"], path: "signed").string("_type")
        }
        guard type == Body.typeName else { throw .wrongType(role: role, found: type) }
        body = try Self.usable(role) { () throws(JSONError) in try Body(object) }
        self.signed = signed
        self.signatures = try Self.usable(role) { () throws(JSONError) in
            guard let elements = signatures.value.elements else {
                throw .unexpected(
                    path: "signatures",
                    problem: "expected an array, found \(signatures.value.kindName)"
                )
            }
            var read: [MetadataSignature] = []
            read.reserveCapacity(elements.count)
            for (index, value) in elements.enumerated() {
                let path = "signatures[\(index)]"
                let entry = try value.requireObject(path)
                let bytes = entry["sig"]?.string.flatMap { UpdateFramework.bytes(hexadecimal: $0) }
                let usable = bytes.flatMap { $0.isEmpty ? nil : $0 }
                let keyID = try entry.fields(["keyid"], path: path).string("keyid")
                read.append(MetadataSignature(keyID: keyID, bytes: usable))
            }
            return read
        }
        var seen: Set<String> = []
        for signature in self.signatures where !seen.insert(signature.keyID).inserted {
            throw .duplicateSignature(role: role, keyID: signature.keyID)
        }
    }

    private static func usable<Result>(
        _ role: RoleName,
        _ read: () throws(JSONError) -> Result
    ) throws(UpdateError) -> Result {
        do throws(JSONError) { return try read() } catch { throw .unusable(role: role, reason: error.message) }
    }

    /// Throws unless a threshold of the role's keys has signed. Each key counts once, under however many ids it stands,
    /// and signatures of other keys count for nothing.
    ///
    /// - Parameter delegator: what errors call the one who names the keys: `root version 3`.
    package func verify(
        _ roleKeys: RoleKeys,
        keys: [String: MetadataKey],
        delegator: String
    ) throws(UpdateError) {
        let wanted = Set(roleKeys.keyIDs)
        let signatures = Dictionary(
            self.signatures.lazy.filter { wanted.contains($0.keyID) }.map { ($0.keyID, $0.bytes) }
        ) { first, _ in first }
        var verified: Set<[UInt8]> = []
        for keyID in roleKeys.keyIDs {
            guard let signature = signatures[keyID] ?? nil, let key = keys[keyID]?.publicKey(),
                key.verify(signature: signature, message: signed.bytes)
            else { continue }
            verified.insert(key.material)
            if verified.count >= roleKeys.threshold { return }
        }
        throw .thresholdNotMet(
            role: role,
            version: body.version,
            delegator: delegator,
            verified: verified.count,
            threshold: roleKeys.threshold
        )
    }

    /// Adds a signature, in the place of an older one of the same key.
    package mutating func sign(with signer: any MetadataSigner) throws {
        let signature = MetadataSignature(keyID: signer.key.id, bytes: try signer.sign(signed.bytes))
        signatures.removeAll { $0.keyID == signature.keyID }
        signatures.append(signature)
    }

    /// The file: the signatures, and what is signed, its members in canonical order; no white space.
    package func encoded() -> [UInt8] {
        let list = signatures.map { signature -> JSONValue in
            ["keyid": .string(signature.keyID), "sig": .string(hexadecimal(signature.bytes ?? []))]
        }
        return (["signatures": .array(list), "signed": signed.value.json] as JSONValue).compactBytes()
    }
}
