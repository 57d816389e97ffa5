package import BundleManifest
internal import Zstd

/// Which bytes of an archive a box has to fetch to have a bundle: a pure function of the bundle's signed part, what the
/// box has, and the index.
package struct BundlePlan: Sendable {
    /// A chunk to fetch, with the header of its file where it is the first.
    package struct Piece: Equatable, Sendable {
        /// The file's place in `missing.files`.
        package let file: Int
        package let chunk: Int
        /// Bytes of the archive that hold its frames.
        package let span: Range<Int>
        /// Bytes of these that are the header's frame; 0 for any but the first chunk.
        package let headerBytes: Int
    }

    package let missing: MissingContent
    /// In archive order.
    package let pieces: [Piece]
    /// What to ask for, in archive order: all pieces, and what lies between those of one range.
    package let ranges: [Range<Int>]

    /// Bytes of all ranges.
    package var bytes: Int { ranges.reduce(0) { $0 + $1.count } }
    /// Bytes of the ranges that are of no use.
    package var gapBytes: Int { bytes - pieces.reduce(0) { $0 + $1.span.count } }

    /// - Parameters:
    ///   - frameSizes: for each of `missing.components`, the sizes that the index tells.
    ///   - path: what messages call the archive.
    ///
    /// Throws BundleError where the index does not fit the tables.
    package init(
        _ missing: MissingContent,
        directory: ArchiveIndex.Directory,
        frameSizes: [ComponentName: [Int]],
        rules: RangeRules = RangeRules(),
        path: String
    ) throws(BundleError) {
        self.missing = missing
        let components = missing.components
        var pieces: [Piece] = []
        var first = 0
        for table in missing.head.tables {
            let end = missing.files[first...].firstIndex { $0.component != table.component } ?? missing.files.count
            defer { first = end }
            guard components.contains(table.component) else { continue }
            guard let part = directory[table.component], let sizes = frameSizes[table.component],
                sizes.count == Self.frames(of: table.contents)
            else {
                let problem = "the index has another number of frames for \(table.component.rawValue) than its table"
                throw .malformed(path: path, offset: directory.end, problem: problem)
            }
            var cursor = FrameCursor(table: table, sizes: sizes, offset: part.span.lowerBound, path: path)
            for index in first..<end { try cursor.add(missing.files[index], index: index, to: &pieces) }
        }
        self.pieces = pieces
        ranges = rules.ranges(covering: pieces.map(\.span), of: directory.end - directory.head.span.upperBound)
    }

    /// Where the box has all that it needs, and nothing has to be known of the archive.
    init(havingAllOf missing: MissingContent) {
        self.missing = missing
        pieces = []
        ranges = []
    }

    /// A header frame for each file, and a frame for each chunk.
    private static func frames(of table: TableOfContents) -> Int {
        table.files.reduce(table.files.count) { $0 + $1.chunks.count }
    }
}

/// Walks along the frames of a component.
private struct FrameCursor {
    let table: BundleHead.Table
    let sizes: [Int]
    /// Where the next frame starts in the archive.
    var offset: Int
    let path: String
    private var frame = 0
    /// The file whose frames come next.
    private var place = 0

    init(table: BundleHead.Table, sizes: [Int], offset: Int, path: String) {
        self.table = table
        self.sizes = sizes
        self.offset = offset
        self.path = path
    }

    /// Adds what has to be fetched of a file that lies further on.
    mutating func add(
        _ missing: MissingContent.File,
        index: Int,
        to pieces: inout [BundlePlan.Piece]
    ) throws(BundleError) {
        while place < missing.place {
            for _ in 0..<table.contents.files[place].chunks.count + 1 { _ = next() }
            place += 1
        }
        let file = missing.file
        let name = BundleLayout.path(of: file.path, in: table.component)
        // An empty file has nothing to fetch: its table says all of it.
        let header = next()
        place += 1
        for (chunk, isFetched) in missing.isFetched.enumerated() {
            let data = next()
            guard isFetched else { continue }
            if chunk == 0 {
                let bytes = TarHeader.bytes(path: name, isExecutable: file.isExecutable, size: file.size)
                try check(header, holding: bytes.count, name)
            }
            let padding = chunk == file.chunks.count - 1 ? TarHeader.padding(after: file.size) : 0
            try check(data, holding: file.chunks[chunk].size + padding, name)
            let start = chunk == 0 ? header.lowerBound : data.lowerBound
            let headerBytes = data.lowerBound - start
            let span = start..<data.upperBound
            pieces.append(BundlePlan.Piece(file: index, chunk: chunk, span: span, headerBytes: headerBytes))
        }
    }

    private mutating func next() -> Range<Int> {
        let span = offset..<offset + sizes[frame]
        frame += 1
        offset = span.upperBound
        return span
    }

    /// Nothing is fetched that can't be the frame.
    private func check(_ span: Range<Int>, holding size: Int, _ name: String) throws(BundleError) {
        guard span.count <= zstdBound(size) else {
            let problem = "the index tells a frame of \(span.count) bytes where \(zstdBound(size)) are the most"
            throw .damagedPiece(path: path, offset: span.lowerBound, part: name, problem: problem)
        }
    }
}
