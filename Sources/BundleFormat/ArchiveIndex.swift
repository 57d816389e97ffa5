package import BundleManifest
package import Digest
internal import JSON

/// The compressor that made an archive. Other versions make other bytes of the same bundle.
package struct Compressor: Equatable, Sendable {
    package var library: String
    package var version: String
    package var level: Int

    package init(library: String = "libzstd", version: String, level: Int) {
        self.library = library
        self.version = version
        self.level = level
    }
}

/// Where every frame of an archive lies: the last frame of the built file, for readers that fetch piecewise.
///
/// Its bytes are a pure function of the bytes before it and the compressor, so a reader of the whole file makes them
/// again and compares. The digest over those bytes is there because zstd lets some bits change unseen. Layout of the payload (docs/format.md has the whole):
/// parts, one after another (LEB128 sizes of the frames, in order) | directory (canonical JSON) | SHA-256 of these two |
/// u64 length of the directory | u64 length of the payload | the tag `EDGEIDX1`. Integers are little-endian.
package struct ArchiveIndex: Equatable, Sendable {
    /// A run of frames: `head` holds the manifest's and the tables', then one part for each component.
    package struct Part: Equatable, Sendable {
        package let name: String
        /// Byte of the file at which the part's first frame starts.
        package let start: Int
        /// Compressed sizes of its frames in order, in bytes.
        package let frameSizes: [Int]
    }

    package let parts: [Part]
    package let compressor: Compressor
    /// Of all bytes before the index.
    package let archiveDigest: SHA256Digest

    package static let headName = "head"
    static let tag = Array("EDGEIDX1".utf8)

    /// Where the frame that ends the tar archive starts, in bytes from the start of the file.
    package var end: Int { parts.last.map { $0.start + $0.frameSizes.reduce(0, +) } ?? 0 }

    /// `head` is the frames of the manifest and the tables; `components` those of each component in order.
    package init(
        head: [Int],
        components: [(ComponentName, [Int])],
        compressor: Compressor,
        archiveDigest: SHA256Digest
    ) {
        var parts = [Part(name: Self.headName, start: 0, frameSizes: head)]
        var start = head.reduce(0, +)
        for (name, sizes) in components {
            parts.append(Part(name: name.rawValue, start: start, frameSizes: sizes))
            start += sizes.reduce(0, +)
        }
        self.parts = parts
        self.compressor = compressor
        self.archiveDigest = archiveDigest
    }

    /// The skippable frame's payload.
    package func payload() -> [UInt8] {
        let (sizes, directory) = encodedSizes()
        let text = directory.encoded()
        var bytes = sizes + text
        bytes += SHA256.digest(bytes).bytes
        bytes += littleEndian(text.count)
        return SkippableFrame.trailed(bytes, tag: Self.tag)
    }

    /// What a reader knows of it that has not read the sizes.
    package var directory: Directory { encodedSizes().directory }

    private func encodedSizes() -> (bytes: [UInt8], directory: Directory) {
        var bytes: [UInt8] = []
        var listed: [Directory.Part] = []
        for part in parts {
            let offset = bytes.count
            for size in part.frameSizes { LEB128Reader.append(size, to: &bytes) }
            listed.append(
                Directory.Part(
                    component: ComponentName(rawValue: part.name),
                    span: part.start..<part.start + part.frameSizes.reduce(0, +),
                    frames: part.frameSizes.count,
                    sizes: offset..<bytes.count
                )
            )
        }
        return (bytes, Directory(parts: listed, compressor: compressor, archiveDigest: archiveDigest))
    }

    /// Bytes of the payload behind the directory: the digest, two lengths and the tag.
    static let trailerLength = SHA256Digest.length + 8 + SkippableFrame.trailerLength

    /// Reads a whole index, strictly: `parse(x).payload()` is `x`.
    ///
    /// What it says of the file's bytes isn't checked against them here.
    /// - Parameters:
    ///   - path: what messages call the file.
    ///   - offset: where the payload starts in it.
    package static func parse(
        _ payload: [UInt8],
        of path: String = "the index",
        at offset: Int = 0
    ) throws(BundleError) -> ArchiveIndex {
        let fixed = trailerLength - SkippableFrame.trailerLength
        guard payload.count <= AppendedFrame.sizeLimit - 8,
            let body = SkippableFrame.body(ofPayload: payload, tag: tag), body.count >= fixed,
            case let checked = body.dropLast(fixed),
            case let length = readLittleEndian(body.suffix(8)), length <= checked.count
        else { throw .malformed(path: path, offset: offset, problem: "expected the index") }
        guard SHA256.digest(checked).bytes.elementsEqual(body.dropLast(8).suffix(SHA256Digest.length)) else {
            throw .changed(path: path, part: "the index")
        }
        let sizesLength = checked.count - length
        let text = Array(checked.suffix(length))
        let directory = try Directory.parse(text, of: path, at: offset + sizesLength)
        guard directory.sizesLength == sizesLength else {
            throw .malformed(path: path, offset: offset, problem: "the index has more bytes than its parts")
        }
        var sizes: [[Int]] = []
        for part in directory.parts {
            let bytes = Array(payload[part.sizes])
            sizes.append(
                try directory.frameSizes(of: part, from: bytes, path: path, at: offset + part.sizes.lowerBound)
            )
        }
        return ArchiveIndex(directory, sizes)
    }

    private init(_ directory: Directory, _ sizes: [[Int]]) {
        parts = zip(directory.parts, sizes).map { Part(name: $0.name, start: $0.span.lowerBound, frameSizes: $1) }
        compressor = directory.compressor
        archiveDigest = directory.archiveDigest
    }

    /// The compressor that an index names, from its payload; nil where the payload is no index.
    static func compressor(inPayload payload: [UInt8]) -> Compressor? {
        let fixed = 8 + SHA256Digest.length
        guard let body = SkippableFrame.body(ofPayload: payload, tag: tag), body.count >= fixed,
            case let checked = body.dropLast(fixed), case let length = readLittleEndian(body.suffix(8)),
            length <= checked.count, SHA256.digest(checked).bytes.elementsEqual(body.dropLast(8).suffix(32)),
            let directory = try? JSONValue.parse(
                Array(checked.suffix(length)),
                limits: Directory.limits
            ),
            let compressor = directory["compressor"], let library = compressor["library"]?.stringValue,
            let version = compressor["version"]?.stringValue, let level = compressor["level"]?.integerValue
        else { return nil }
        return Compressor(library: library, version: version, level: Int(level))
    }
}

/// RFC 8878 section 3.1.2: a frame that every zstd reader passes over.
package enum SkippableFrame {
    /// The index of the built file.
    static let indexMagic: UInt32 = 0x184D_2A5D
    /// What is appended to it: signatures, the offline chain.
    static let appendedMagic: UInt32 = 0x184D_2A5C
    /// Length and tag at the end of every payload.
    static let trailerLength = 16

    /// `body` with its trailer: the payload's whole length, and the tag.
    static func trailed(_ body: [UInt8], tag: [UInt8]) -> [UInt8] {
        body + littleEndian(body.count + trailerLength) + tag
    }

    /// The frame around a payload.
    static func bytes(magic: UInt32, payload: [UInt8]) -> [UInt8] {
        withUnsafeBytes(of: magic.littleEndian) { Array($0) }
            + withUnsafeBytes(of: UInt32(payload.count).littleEndian) { Array($0) } + payload
    }

    /// The body of a payload that ends with `tag` and its own length; nil where it doesn't.
    static func body(ofPayload payload: [UInt8], tag: [UInt8]) -> [UInt8]? {
        guard payload.count >= trailerLength, payload.suffix(8).elementsEqual(tag),
            readLittleEndian(payload.dropLast(8).suffix(8)) == payload.count
        else { return nil }
        return Array(payload.dropLast(trailerLength))
    }
}

private func littleEndian(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt64(value).littleEndian) { Array($0) } }

/// Eight bytes as a little-endian length; Int.max where they hold more than any length can be.
func readLittleEndian(_ bytes: some Collection<UInt8>) -> Int {
    let value = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(exactly: value) ?? .max
}
