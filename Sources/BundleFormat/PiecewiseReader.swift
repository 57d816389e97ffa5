internal import BundleManifest
package import Digest
internal import JSON

/// Reads of an archive what a box has not, range by range; what comes from elsewhere is believed only once its digest is
/// right, and the index only for where bytes lie.
///
/// The steps are to be taken in order: `readHead`, `plan`, `fetch`. Memory stays at the tables, the index parts that are
/// needed, and a chunk.
package struct PiecewiseReader {
    /// What is known of a bundle before anything of it was read.
    package enum Identity: Sendable {
        /// MANIFEST.json itself, as a repository has it.
        case manifest([UInt8])
        /// The bundle digest: the manifest is fetched and held to it.
        case digest(SHA256Digest)
    }

    private let rules: RangeRules
    private var source: CountingSource
    private var tail: ArchiveTail?
    /// By the name of the part, of parts that were read.
    private var frameSizes: [String: [Int]] = [:]

    /// What was read so far.
    package var wire: WireBytes { source.wire }

    package init(_ source: any RangeSource, rules: RangeRules = RangeRules()) {
        self.source = CountingSource(source)
        self.rules = rules
    }

    /// Reads the signed part of the bundle: of the tables, those that `table` does not give by their digest.
    package mutating func readHead(
        _ identity: Identity,
        table known: (SHA256Digest) throws -> [UInt8]? = { _ in nil }
    ) throws -> BundleHead {
        let path = source.name
        let manifestBytes = try readManifest(identity)
        let manifest: Manifest
        do throws(ManifestError) {
            manifest = try Manifest.parse(manifestBytes)
        } catch {
            throw BundleError.manifest(path: path, error)
        }
        var tables: [String: [UInt8]] = [:]
        var missing: [HeadDocument] = []
        let names = ComponentName.allCases.filter { manifest.components[$0] != nil }
        for (index, component) in names.enumerated() {
            guard let digest = manifest.components[component]?.tableDigest else { continue }
            let name = BundleLayout.tablePath(component)
            // A table that was damaged here is fetched like one that was never here.
            if let bytes = try known(digest), SHA256.digest(bytes) == digest {
                tables[name] = bytes
            } else {
                let limit = TableOfContents.limits.bytes
                missing.append(HeadDocument(name: name, frame: index + 1, limit: limit, digest: digest))
            }
        }
        if !missing.isEmpty {
            let found = try readDocuments(missing, ofFrames: names.count + 1, counting: .tables)
            for (document, bytes) in zip(missing, found) { tables[document.name] = bytes }
        }
        return try BundleHead(manifestBytes, of: path) { name throws in
            guard let bytes = tables[name] else { throw BundleError.changed(path: path, part: name) }
            return bytes
        }
    }

    /// Finds out what is missing on a box that has `box`, and where it lies; reads the parts of the index that say so.
    package mutating func plan(_ head: BundleHead, for box: BoxContents) throws -> BundlePlan {
        let missing = try MissingContent(of: head, for: box, path: source.name)
        guard !missing.components.isEmpty else { return BundlePlan(havingAllOf: missing) }
        try BundleReader.checkDensity(of: head, inArchiveOf: source.size, path: source.name)
        let tail = try readTail()
        var sizes: [ComponentName: [Int]] = [:]
        let parts = missing.components.compactMap { tail.directory[$0] }
        for (part, found) in zip(parts, try readSizes(of: parts)) {
            if let component = part.component { sizes[component] = found }
        }
        return try BundlePlan(
            missing,
            directory: tail.directory,
            frameSizes: sizes,
            rules: rules,
            path: source.name
        )
    }

    /// Fetches what `plan` says and hands each missing content on, whole and in archive order. Throws at the first byte
    /// that is not as it must be, having told `visitor` nothing that is wrong; what it was told holds.
    package mutating func fetch(_ plan: BundlePlan, visitor: any PieceVisitor) throws {
        try visitor.begin(plan.missing.head)
        let assembler = try PieceAssembler(plan, visitor: visitor, path: source.name)
        for range in plan.ranges {
            var offset = range.lowerBound
            try source.read(range, counting: .data, part: assembler.part(at:)) { bytes in
                try assembler.take(bytes, at: offset)
                offset += bytes.count
            }
        }
        try assembler.finish()
    }
}

/// A document in the head of an archive.
private struct HeadDocument {
    /// Its path in the tree.
    let name: String
    /// The place of its frame in the head.
    let frame: Int
    /// The most bytes it may have.
    let limit: Int
    let digest: SHA256Digest
}

extension PiecewiseReader {
    private mutating func readManifest(_ identity: Identity) throws -> [UInt8] {
        switch identity {
        case .manifest(let bytes): return bytes
        case .digest(let digest):
            let name = BundleLayout.manifestPath
            let document = HeadDocument(name: name, frame: 0, limit: Manifest.limits.bytes, digest: digest)
            return try readDocuments([document], ofFrames: nil, counting: .manifest)[0]
        }
    }

    /// Reads documents in the archive's head, which has `frames` frames where that is known; their digests are right.
    private mutating func readDocuments(
        _ documents: [HeadDocument],
        ofFrames frames: Int?,
        counting purpose: WireBytes.Purpose
    ) throws -> [[UInt8]] {
        let path = source.name
        let tail = try readTail()
        guard frames == nil || frames == tail.directory.head.frames else {
            let problem = "the index tells \(tail.directory.head.frames - 1) tables, the manifest \((frames ?? 1) - 1)"
            throw BundleError.malformed(path: path, offset: tail.payloadStart, problem: problem)
        }
        var spans: [Range<Int>] = []
        for size in try readHeadSizes() {
            let start = spans.last?.upperBound ?? 0
            spans.append(start..<start + size)
        }
        let pieces = documents.map { (name: $0.name, span: spans[$0.frame]) }
        // All tables together are bounded like one (docs/format.md, bundle-23); each frame adds a little of its own.
        var most = documents.reduce(0) { max($0, HeadEntry.largestFrame(limit: $1.limit)) }
        most += documents.count * HeadEntry.largestFrame(limit: 0)
        var left = most
        for piece in pieces {
            left -= piece.span.count
            guard left >= 0 else {
                let problem = "the index tells more bytes than the \(most) that it may have with what is before it"
                let offset = piece.span.lowerBound
                throw BundleError.damagedPiece(path: path, offset: offset, part: piece.name, problem: problem)
            }
        }
        let found = try source.read(pieces, joining: rules.headGapBytes, counting: purpose)
        return try zip(documents, zip(pieces, found)).map { document, piece in
            try content(of: document, frame: piece.1, at: piece.0.span.lowerBound)
        }
    }

    private func content(of document: HeadDocument, frame: [UInt8], at offset: Int) throws -> [UInt8] {
        do {
            let bytes = try HeadEntry.content(
                ofFrame: frame,
                name: document.name,
                limit: document.limit,
                path: source.name,
                offset: offset
            )
            guard SHA256.digest(bytes) == document.digest else {
                throw BundleError.changed(path: source.name, part: document.name)
            }
            return bytes
        } catch let error as BundleError {
            throw error.inPiece(offset: offset, part: document.name)
        }
    }

    private mutating func readTail() throws -> ArchiveTail {
        if let tail { return tail }
        let found = try ArchiveTail.read(&source, bytes: rules.tailBytes)
        tail = found
        return found
    }

    /// The sizes of the frames of the archive's head.
    private mutating func readHeadSizes() throws -> [Int] {
        let parts = try readTail().directory.parts
        // The components that change most come next and have few frames: a request is worth more than their sizes.
        let near = parts.prefix { $0.sizes.upperBound <= parts[0].sizes.upperBound + max(0, rules.headGapBytes) }
        return try readSizes(of: Array(near))[0]
    }

    /// The sizes of the frames of parts of the index, of which each is read once.
    private mutating func readSizes(of parts: [ArchiveIndex.Directory.Part]) throws -> [[Int]] {
        let tail = try readTail()
        let start = tail.payloadStart
        let missing = parts.filter { frameSizes[$0.name] == nil }
        let pieces = missing.map { part in
            (name: "the index part \(part.name)", span: start + part.sizes.lowerBound..<start + part.sizes.upperBound)
        }
        let unseen = pieces.filter { tail.bytes(at: $0.span) == nil }
        var fetched = try source.read(unseen, joining: rules.headGapBytes, counting: .index)[...]
        for (part, piece) in zip(missing, pieces) {
            let bytes = tail.bytes(at: piece.span) ?? fetched.popFirst() ?? []
            frameSizes[part.name] = try tail.directory.frameSizes(
                of: part,
                from: bytes,
                path: source.name,
                at: piece.span.lowerBound
            )
        }
        return parts.map { frameSizes[$0.name] ?? [] }
    }
}
