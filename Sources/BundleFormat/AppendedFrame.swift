internal import FileSystem

/// A skippable frame behind the built file: a signature, an offline chain, or what a later version appends.
///
/// Payload: body | u64 length of the payload, little-endian | 8-byte tag, so that a reader finds it from the end.
package struct AppendedFrame: Equatable, Sendable {
    /// An OMS signature (the text of `model.sig`).
    package static let signatureTag = "EDGESIG1"
    /// Signed metadata and documents of a repository, see `OfflineChain`.
    package static let offlineTag = "EDGEOFF1"
    /// The largest frame that is read: the signature of some 250,000 files.
    package static let sizeLimit = 64 << 20
    package static let countLimit = 64
    /// Bytes of all frames behind one bundle, which are kept in memory while it is read.
    package static let totalLimit = 64 << 20

    /// Eight ASCII characters that say what it is.
    package let tag: String
    package let body: [UInt8]

    package init(tag: String, body: [UInt8]) {
        precondition(tag.utf8.count == 8)
        self.tag = tag
        self.body = body
    }

    /// The frame's bytes, header included; nil from bytes that are no such frame.
    init?(frame: [UInt8]) {
        let magic = withUnsafeBytes(of: SkippableFrame.appendedMagic.littleEndian) { Array($0) }
        guard frame.starts(with: magic), frame.count >= 8 + SkippableFrame.trailerLength,
            case let tag = Array(frame.suffix(8)), tag.allSatisfy({ (0x21...0x7E).contains($0) }),
            // Walking back from the end, the index's tag is where the built file ends: nothing behind it may carry it.
            tag != ArchiveIndex.tag,
            let body = SkippableFrame.body(ofPayload: Array(frame.dropFirst(8)), tag: tag)
        else { return nil }
        self.init(tag: String(decoding: tag, as: UTF8.self), body: body)
    }

    package var bytes: [UInt8] {
        let payload = SkippableFrame.trailed(body, tag: Array(tag.utf8))
        return SkippableFrame.bytes(magic: SkippableFrame.appendedMagic, payload: payload)
    }
}

/// What stands behind the built file, found by walking back from the end without reading the rest.
package struct BundleTail: Sendable {
    /// Bytes up to the end of the index.
    package let builtSize: Int
    package let appended: [AppendedFrame]

    /// What a whole reading found.
    package init(_ archive: BundleReader.Archive) {
        self.init(builtSize: archive.builtSize, appended: archive.appended)
    }

    private init(builtSize: Int, appended: [AppendedFrame]) {
        self.builtSize = builtSize
        self.appended = appended
    }

    package static func read(_ path: String) throws -> BundleTail {
        let file = try File.open(path)
        var end = try file.status().size
        var appended: [AppendedFrame] = []
        var total = 0
        while true {
            let length = end >= 24 ? readLittleEndian(try file.bytes(at: end - 16, count: 8)) : 0
            guard (SkippableFrame.trailerLength...AppendedFrame.sizeLimit - 8).contains(length), length + 8 <= end
            else {
                throw BundleError.malformed(
                    path: path,
                    offset: max(0, end - 16),
                    problem: "no index stands at its end: it is truncated, or no bundle"
                )
            }
            if try file.bytes(at: end - 8, count: 8) == ArchiveIndex.tag {
                return BundleTail(builtSize: end, appended: appended.reversed())
            }
            total += length + 8
            guard total <= AppendedFrame.totalLimit else {
                let problem = "more than \(AppendedFrame.totalLimit) bytes are appended"
                throw BundleError.malformed(path: path, offset: end - length - 8, problem: problem)
            }
            let frame = try file.bytes(at: end - length - 8, count: length + 8)
            guard let known = AppendedFrame(frame: frame), appended.count < AppendedFrame.countLimit else {
                throw BundleError.malformed(path: path, offset: end - length - 8, problem: "expected an appended frame")
            }
            appended.append(known)
            end -= frame.count
        }
    }

    /// Writes `path` anew with `frames` behind the built file in place of those there now; whole or not at all.
    ///
    /// Throws `tooManyAppended` rather than write what no reader would take.
    package func replaceAppended(of path: String, with frames: [AppendedFrame]) throws {
        try writeCopy(of: path, to: path, with: frames)
    }

    /// Writes `path`, the built file of `source` with `frames` behind it; whole or not at all.
    ///
    /// Throws `tooManyAppended` rather than write what no reader would take.
    package func writeCopy(of sourcePath: String, to path: String, with frames: [AppendedFrame]) throws {
        guard frames.count <= AppendedFrame.countLimit,
            frames.reduce(0, { $0 + $1.bytes.count }) <= AppendedFrame.totalLimit
        else { throw BundleError.tooManyAppended(path: path) }
        let source = try File.open(sourcePath)
        let mode = try source.status().permissions
        let result = try AtomicFile(at: path, mode: mode)
        try result.copy(builtSize, of: source, at: 0)
        for frame in frames { try result.write(frame.bytes) }
        try result.commit()
    }
}
