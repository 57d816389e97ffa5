internal import Crypto

extension FuzzHarness {
    static let certificates = FuzzHarness(
        "certificates",
        "a certificate or a request for one: PEM, or DER",
        limitBytes: 8_192
    ) { input in
        let isText = input.starts(with: Array("-----".utf8))
        let certificates = try refusing(CryptoError.self) { () throws(CryptoError) in
            isText ? try Certificate.parse(pem: input, source: "input") : [try Certificate(der: input, source: "input")]
        }
        if let certificates { try check(certificates) }
        let request = try refusing(CryptoError.self) { () throws(CryptoError) in
            isText
                ? try CertificateRequest(pem: input, source: "input")
                : try CertificateRequest(der: input, source: "input")
        }
        if let request {
            let again = try CertificateRequest(pem: request.pemBytes, source: "again")
            try require(again.derBytes == request.derBytes, "another request after writing and reading")
            try require(again.publicKey == request.publicKey, "a request's key is another after reading it again")
        }
    }

    /// Everything that is asked of what a peer or a signature presents.
    private static func check(_ certificates: [Certificate]) throws {
        guard let leaf = certificates.first else { throw FuzzFinding("no certificate, and no error") }
        let again = try Certificate.parse(pem: leaf.pemBytes, source: "again")
        try require(again.map(\.derBytes) == [leaf.derBytes], "another certificate after writing and reading")
        try require(leaf.fingerprint.utf8.count == 64, "a fingerprint of another length")
        try require(leaf.serialNumber.utf8.count <= 40, "a serial number of more than 20 bytes")
        if let id = leaf.deviceID { try require(leaf.commonName == id, "a device's id is not its common name") }
        _ = (leaf.alternativeNames?.servers.map(\.description), leaf.isAuthority)
        _ = try refusing(CryptoError.self) { try leaf.publicKey }
        _ = try refusing(CryptoError.self) { try leaf.requireSigningUsage() }
        let others = Array(certificates.dropFirst().prefix(4))
        for role in [PeerRole.tlsClient, .tlsServer] {
            _ = try refusing(CryptoError.self) {
                try leaf.verify(as: role, authorities: others, intermediates: others, at: leaf.notBefore)
            }
        }
        // Itself as its authority, as a self-signed one is.
        _ = try refusing(CryptoError.self) {
            try CertificateChain(signer: leaf, intermediates: others).verify(
                roots: [leaf] + others,
                time: .signingCertificateNotBefore
            )
        }
    }
}
