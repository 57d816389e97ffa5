internal import CNettle

/// A SHA-512 digest: 64 bytes. None of our own formats has one; metadata of other people's repositories does.
package struct SHA512Digest: Hashable, Sendable, CustomStringConvertible {
    /// The digest's length in bytes.
    package static let length = 64

    /// The 64 bytes, first byte first.
    package let bytes: [UInt8]

    fileprivate init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// From 128 lowercase hexadecimal digits; else nil.
    package init?(hex: some StringProtocol) {
        // Two halves of SHA-256's length, whose reader knows the notation.
        let digits = Array(hex.utf8)
        let half = 2 * SHA256Digest.length
        guard digits.count == 2 * half,
            let first = SHA256Digest(hex: String(decoding: digits[..<half], as: UTF8.self)),
            let second = SHA256Digest(hex: String(decoding: digits[half...], as: UTF8.self))
        else { return nil }
        bytes = first.bytes + second.bytes
    }

    /// 128 lowercase hexadecimal digits.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    package var description: String { hex }
}

/// SHA-512 (FIPS 180-4) as bytes come in, over nettle.
package struct SHA512: ~Copyable {
    private var context = sha512_ctx()

    package init() { nettle_sha512_init(&context) }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        nettle_sha512_update(&context, bytes.count, base.assumingMemoryBound(to: UInt8.self))
    }

    package mutating func update(_ bytes: [UInt8]) {
        nettle_sha512_update(&context, bytes.count, bytes)
    }

    /// The digest of all that came in.
    package consuming func finalize() -> SHA512Digest {
        var bytes = [UInt8](repeating: 0, count: SHA512Digest.length)
        nettle_sha512_digest(&context, bytes.count, &bytes)
        return SHA512Digest(checked: bytes)
    }

    /// The digest of `bytes`.
    package static func digest(_ bytes: [UInt8]) -> SHA512Digest {
        var hash = SHA512()
        hash.update(bytes)
        return hash.finalize()
    }
}
