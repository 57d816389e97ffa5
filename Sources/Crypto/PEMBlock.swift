import COpenSSL

/// One `-----BEGIN LABEL-----` block of a PEM text (RFC 7468).
struct PEMBlock {
    /// What stands behind BEGIN, such as `PRIVATE KEY`.
    let label: String
    /// The traditional header says that the content is encrypted (RFC 1421 `Proc-Type: 4,ENCRYPTED`).
    let hasEncryptionHeader: Bool
    /// The decoded content, usually DER.
    let content: [UInt8]

    /// The longest PEM text that is read: a chain of a dozen certificates fits.
    static let limitBytes = 64 * 1024

    /// All blocks of the text, in order; at least one. Text between blocks is skipped, as `openssl x509 -text` writes it.
    static func read(_ text: [UInt8], source: String) throws(CryptoError) -> [PEMBlock] {
        guard text.count <= limitBytes else {
            throw .tooLarge(source: source, bytes: text.count, limitBytes: limitBytes)
        }
        var blocks: [PEMBlock] = []
        var failure: String?
        text.withUnsafeBytes { buffer in
            guard let bio = BIO_new_mem_buf(buffer.baseAddress, Int32(buffer.count)) else {
                failure = OpenSSL.takeReason()
                return
            }
            defer { BIO_free(bio) }
            while let block = next(in: bio) {
                blocks.append(block)
            }
            let code = ERR_peek_last_error()
            let isEnd =
                copenssl_error_library(code) == Int32(ERR_LIB_PEM)
                && copenssl_error_reason(code) == Int32(PEM_R_NO_START_LINE)
            failure = isEnd ? nil : OpenSSL.takeReason()
            OpenSSL.clearErrors()
        }
        if let failure { throw .notPEM(source: source, reason: failure) }
        guard !blocks.isEmpty else {
            let reason = text.isEmpty ? "it is empty" : "there is no -----BEGIN line in it"
            throw .notPEM(source: source, reason: reason)
        }
        return blocks
    }

    private static func next(in bio: OpaquePointer) -> PEMBlock? {
        var name: UnsafeMutablePointer<CChar>?
        var header: UnsafeMutablePointer<CChar>?
        var data: UnsafeMutablePointer<UInt8>?
        var length = 0
        guard PEM_read_bio(bio, &name, &header, &data, &length) == 1, let name, let header, let data else { return nil }
        defer {
            copenssl_free(name)
            copenssl_free(header)
            copenssl_clear_free(data, length)
        }
        return PEMBlock(
            label: String(cString: name),
            hasEncryptionHeader: String(cString: header).contains("ENCRYPTED"),
            content: [UInt8](UnsafeBufferPointer(start: data, count: length))
        )
    }

    /// The text of one block: lines of 64 characters, LF at each end, as `openssl` writes it.
    static func text(label: String, _ content: [UInt8]) -> [UInt8] {
        var text = Array("-----BEGIN \(label)-----\n".utf8)
        var line = 0
        for character in Base64.encode(content).utf8 {
            text.append(character)
            line += 1
            if line == 64 {
                text.append(UInt8(ascii: "\n"))
                line = 0
            }
        }
        if line > 0 { text.append(UInt8(ascii: "\n")) }
        return text + Array("-----END \(label)-----\n".utf8)
    }

    /// True for every label under which a private key travels.
    var isPrivateKey: Bool {
        label.hasSuffix("PRIVATE KEY")
    }

    /// True when a passphrase is needed to read it.
    var isEncrypted: Bool {
        label == "ENCRYPTED PRIVATE KEY" || hasEncryptionHeader
    }

    /// The label in a sentence, fit for a terminal: `a block "CERTIFICATE"`.
    var phrase: String {
        let printable = label.unicodeScalars.prefix(64).map { (" "..."~").contains($0) ? Character($0) : "?" }
        return "a block \"\(String(printable))\""
    }
}
