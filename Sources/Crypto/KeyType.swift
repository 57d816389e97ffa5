/// The kinds of keys that are made here. Others are used as well where somebody brings them.
package enum KeyType: String, Sendable, CaseIterable {
    /// The default: small and quick, and every box and every tool of the field verifies it.
    case p256 = "ecdsa-p256"
    case p384 = "ecdsa-p384"
    case ed25519
    /// For devices and services that keep no other: signatures of 384 bytes, and slow to make.
    case rsa = "rsa-3072"
}
