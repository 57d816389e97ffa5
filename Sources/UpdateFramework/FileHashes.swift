package import Digest
internal import JSON

/// What signed metadata says of a file's content. Every digest of a kind known here must be right; at least one must
/// be there where a file is judged by its digests.
package struct FileHashes: Sendable, Equatable {
    package var sha256: SHA256Digest?
    package var sha512: SHA512Digest?
    /// Kinds that are not known here, as they were written.
    private let others: CanonicalObject

    package init(sha256: SHA256Digest?, sha512: SHA512Digest? = nil) {
        self.sha256 = sha256
        self.sha512 = sha512
        others = CanonicalObject()
    }

    /// Of these bytes, SHA-256 alone.
    package init(of bytes: [UInt8]) { self.init(sha256: SHA256.digest(bytes)) }

    init(_ object: CanonicalObject, path: String) throws(JSONError) {
        for index in 0..<object.count {
            let (name, value) = object[index]
            func problem(_ text: String) -> JSONError { .unexpected(path: "\(path).\(name)", problem: text) }
            guard let text = value.string else { throw problem("expected a string, found \(value.kindName)") }
            switch name {
            case "sha256":
                guard let digest = SHA256Digest(hex: text) else { throw problem("is no SHA-256 digest") }
                sha256 = digest
            case "sha512":
                guard let digest = SHA512Digest(hex: text) else { throw problem("is no SHA-512 digest") }
                sha512 = digest
            default: continue
            }
        }
        others = object.without(["sha256", "sha512"])
    }

    /// Whether there is anything to judge by.
    package var hasKnownKind: Bool { sha256 != nil || sha512 != nil }

    /// The digest that a consistent snapshot calls the file by.
    package var fileNamePrefix: String? { sha256?.hex ?? sha512?.hex }

    var json: JSONValue {
        var object = others.json
        if let sha256 { object["sha256"] = .string(sha256.hex) }
        if let sha512 { object["sha512"] = .string(sha512.hex) }
        return .object(object)
    }
}

/// Checks a file against what metadata says, as its bytes come in.
package struct FileChecker: ~Copyable {
    private let file: String
    private let hashes: FileHashes
    private let expectedLength: Int?
    private var length = 0
    private var sha256 = SHA256()
    private var sha512 = SHA512()

    /// - Parameters:
    ///   - file: what errors call it.
    ///   - length: the exact length, where it is known.
    package init(_ file: String, length: Int?, hashes: FileHashes) {
        self.file = file
        self.hashes = hashes
        expectedLength = length
    }

    /// Throws `tooLarge` at the first byte beyond the length.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) throws(UpdateError) {
        length += bytes.count
        if let expectedLength, length > expectedLength {
            throw .tooLarge(file: file, limitBytes: expectedLength)
        }
        if hashes.sha256 != nil { sha256.update(bytes) }
        if hashes.sha512 != nil { sha512.update(bytes) }
    }

    /// Throws where the length or a digest is another.
    package consuming func finish() throws(UpdateError) {
        if let expectedLength, length != expectedLength {
            throw .wrongLength(file: file, found: length, expected: expectedLength)
        }
        if let expected = hashes.sha256, sha256.finalize() != expected {
            throw .wrongHash(file: file, algorithm: "SHA-256")
        }
        if let expected = hashes.sha512, sha512.finalize() != expected {
            throw .wrongHash(file: file, algorithm: "SHA-512")
        }
    }

    /// The check of bytes that are all there.
    static func check(_ bytes: [UInt8], file: String, length: Int?, hashes: FileHashes) throws(UpdateError) {
        var checker = FileChecker(file, length: length, hashes: hashes)
        if let length, bytes.count != length {
            throw .wrongLength(file: file, found: bytes.count, expected: length)
        }
        checker.length = bytes.count
        if hashes.sha256 != nil { checker.sha256.update(bytes) }
        if hashes.sha512 != nil { checker.sha512.update(bytes) }
        try checker.finish()
    }
}
