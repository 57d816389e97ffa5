package import Crypto
internal import Diagnostics
internal import Digest
package import JSON

/// A key as metadata carries it (TUF 1.0.34 section 4.2). Kinds that are not known here are kept and verify nothing.
package struct MetadataKey: Sendable, Equatable {
    /// What signatures and roles call it. Read from metadata it is whatever stood there; made here it is the SHA-256
    /// of the canonical form, as the specification asks.
    package let id: String
    /// `ecdsa`, `ed25519`, `rsa`, or something else.
    package let type: String
    /// `ecdsa-sha2-nistp256`, `ecdsa-sha2-nistp384`, `ed25519`, `rsassa-pss-sha256`, or something else.
    package let scheme: String
    /// As text: an object of a stranger may be of any size.
    private let text: CanonicalValue

    /// The key object with all its fields, known or not.
    package var json: JSONValue { text.json }

    /// Reads a key object. Its material is looked at only when a signature is to be verified: many keys of a repository
    /// are never needed.
    init(id: String, _ value: CanonicalValue, path: String) throws(JSONError) {
        let object = try value.requireObject(path)
        let fields = object.fields(["keytype", "scheme"], path: path)
        self.id = id
        type = try fields.string("keytype")
        scheme = try fields.string("scheme")
        _ = try object.object("keyval", path: path)
        text = value
    }

    init(id: String, _ value: JSONValue, path: String) throws(JSONError) {
        try self.init(id: id, try CanonicalText(value).value, path: path)
    }

    /// The same key with text of its own, so that what it was read from may be let go.
    var detached: MetadataKey { MetadataKey(id: id, type: type, scheme: scheme, text: text.detached) }

    private init(id: String, type: String, scheme: String, text: CanonicalValue) {
        (self.id, self.type, self.scheme, self.text) = (id, type, scheme, text)
    }

    /// The field that names the key's holder. Other tools keep it, as the id is made of all fields.
    private static let ownerField = "x-edge-owner"

    /// The object for a key, with the name of the one who holds it where that is told.
    ///
    /// - Parameter owner: see `isOwner`.
    package init(_ key: PublicKey, owner: String? = nil) throws(CryptoError) {
        if let owner, !Self.isOwner(owner) {
            throw .malformed(
                source: owner.quotedName,
                expected: "name of a key's holder",
                reason: "it is not 1 to \(Self.ownerLimitBytes) bytes of visible text without ( ) , ; :"
            )
        }
        let pem = String(decoding: key.pemBytes, as: UTF8.self)
        switch key.kind {
        case .ecdsa(.p256): (type, scheme) = ("ecdsa", "ecdsa-sha2-nistp256")
        case .ecdsa(.p384): (type, scheme) = ("ecdsa", "ecdsa-sha2-nistp384")
        case .ed25519: (type, scheme) = ("ed25519", "ed25519")
        case .rsa: (type, scheme) = ("rsa", "rsassa-pss-sha256")
        case .ecdsa(.p521):
            throw .unsupportedKey(
                source: "key",
                found: key.kind.description,
                supported: "an ECDSA P-256 or P-384, Ed25519 or RSA key, the ones that sign metadata"
            )
        }
        let material = key.kind == .ed25519 ? hexadecimal(Array(key.derBytes.suffix(32))) : pem
        var object: JSONObject = [
            "keytype": .string(type), "scheme": .string(scheme), "keyval": ["public": .string(material)],
        ]
        if let owner { object[Self.ownerField] = .string(owner) }
        guard let canonical = try? CanonicalText(.object(object)) else {
            throw .libraryFailure(operation: "name a key", reason: "it has no canonical form")
        }
        text = canonical.value
        id = SHA256.digest(canonical.bytes).hex
    }

    private static let ownerLimitBytes = 64

    /// Whether a text can be a holder's name: 1 to 64 bytes, visible, no white space at its ends, and none of the
    /// characters that lists of names are made with.
    package static func isOwner(_ text: String) -> Bool {
        (1...ownerLimitBytes).contains(text.utf8.count) && text.printable() == text
            && !text.contains { "(),;:".contains($0) }
            && text.first?.isWhitespace == false && text.last?.isWhitespace == false
    }

    /// Whose key it is, as far as the metadata tells; only whoever signed the metadata vouches for it.
    package var owner: String? {
        text.object?[Self.ownerField]?.string.flatMap { Self.isOwner($0) ? $0 : nil }
    }

    /// What people call it: `alice (4f2c91ab)`, or `4f2c91ab` where no holder is named.
    package var label: String {
        let short = String(id.prefix(8))
        return owner.map { "\($0) (\(short))" } ?? short
    }

    /// Whether its id is the one that the specification derives from the key (section 4.2). Others' ids may be any text,
    /// so that one id can stand for another key tomorrow.
    package var hasDerivedID: Bool {
        (try? CanonicalText(json)).map { SHA256.digest($0.bytes).hex == id } ?? false
    }

    /// What makes the key this key, under whatever ids and names it stands; nil for a key that verifies nothing.
    package var material: [UInt8]? { publicKey()?.material }

    /// The key that verifies, or nil for a kind not known here and for damaged material: it then counts for nothing.
    package func publicKey() -> PublicKey? {
        guard let material = text.object?["keyval"]?.object?["public"]?.string else { return nil }
        let expected: (KeyKind) -> Bool
        switch (type, scheme) {
        // The second spelling of the key type is python-tuf's from before 2022; the oldest sigstore roots have it.
        case ("ecdsa", "ecdsa-sha2-nistp256"), ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"):
            expected = { $0 == .ecdsa(.p256) }
        case ("ecdsa", "ecdsa-sha2-nistp384"), ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"):
            expected = { $0 == .ecdsa(.p384) }
        case ("rsa", "rsassa-pss-sha256"):
            expected = { if case .rsa = $0 { true } else { false } }
        case ("ed25519", "ed25519"):
            guard let bytes = bytes(hexadecimal: material) else { return nil }
            return try? PublicKey(ed25519: bytes, source: id)
        default: return nil
        }
        guard let key = try? PublicKey(pem: Array(material.utf8), source: id), expected(key.kind) else { return nil }
        return key
    }
}

extension PublicKey {
    /// SubjectPublicKeyInfo, unpacked from the PEM text.
    var derBytes: [UInt8] {
        let lines = String(decoding: pemBytes, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("-----") }
        return Base64.decode(lines.joined()) ?? []
    }

    /// What makes the key this key, however it is written down: two key objects, even of different key ids, count once
    /// towards a threshold where this is equal.
    package var material: [UInt8] {
        var reader = DERReader(derBytes)
        var point = reader.subjectPublicKeyBits() ?? derBytes
        guard case .ecdsa = kind, let form = point.first, let last = point.last else { return point }
        // A point may be written compressed (02 or 03, x), uncompressed (04, x, y) or both at once (06 or 07, x, y)
        // (SEC 1 section 2.3.3); all become the compressed one.
        if form == 4 || form == 6 || form == 7 {
            let coordinate = (point.count - 1) / 2
            point = [2 + (last & 1)] + point[1..<(1 + coordinate)]
        }
        return point
    }
}

/// Just enough DER (X.690) to take the key out of a SubjectPublicKeyInfo that OpenSSL has written.
private struct DERReader {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    /// SEQUENCE { SEQUENCE algorithm, BIT STRING key }: the bits, without the count of unused ones.
    mutating func subjectPublicKeyBits() -> [UInt8]? {
        guard let outer = content(tag: 0x30) else { return nil }
        bytes = outer
        guard content(tag: 0x30) != nil, let bits = content(tag: 0x03), bits.first == 0 else { return nil }
        return Array(bits.dropFirst())
    }

    private mutating func content(tag: UInt8) -> ArraySlice<UInt8>? {
        guard bytes.popFirst() == tag, let first = bytes.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            guard first <= 0x84, bytes.count >= Int(first & 0x7F) else { return nil }
            length = 0
            for _ in 0..<(first & 0x7F) { length = length << 8 | Int(bytes.popFirst() ?? 0) }
        }
        guard length <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(length) }
        return bytes.prefix(length)
    }
}

/// Lowercase digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// From digits of either case; nil where anything else stands there.
func bytes(hexadecimal text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(digits.count / 2)
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = value(digits[index]), let low = value(digits[index + 1]) else { return nil }
        bytes.append(high << 4 | low)
    }
    return bytes
}
