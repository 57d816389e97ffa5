internal import CNettle

/// HMAC with SHA-256 (RFC 2104, FIPS 198-1), over nettle: what two who share a key tell each other by.
package enum HMACSHA256 {
    /// The code of `message` under `key`, of any length.
    package static func code(_ message: [UInt8], key: [UInt8]) -> SHA256Digest {
        var context = hmac_sha256_ctx()
        nettle_hmac_sha256_set_key(&context, key.count, key)
        nettle_hmac_sha256_update(&context, message.count, message)
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &words) { buffer in
            guard let base = buffer.baseAddress else { return }
            nettle_hmac_sha256_digest(&context, SHA256Digest.length, base.assumingMemoryBound(to: UInt8.self))
        }
        return SHA256Digest(words: words)
    }
}
