package import Digest
package import JSON

/// What one component holds: every file with its mode, size and digests, in the order of their paths.
///
/// The single source of truth about the archive: its tar headers are made from this and compared, never read.
package struct TableOfContents: Equatable, Sendable {
    /// The largest piece of a file that has a frame of its own: 1 MiB.
    package static let chunkLimit = 1 << 20
    /// The largest table that is read, and the most files in all components together: far above any environment that
    /// fits a box (PyTorch's has some 15,000 files and 4 MB of table).
    package static let limits = JSONLimits(bytes: 64 << 20, depth: 8, values: 4_000_000)
    package static let fileLimit = 250_000

    package struct Chunk: Equatable, Sendable {
        /// Uncompressed bytes, 1 to `chunkLimit`.
        package let size: Int
        package let digest: SHA256Digest

        package init(size: Int, digest: SHA256Digest) {
            self.size = size
            self.digest = digest
        }
    }

    package struct File: Equatable, Sendable {
        /// Relative to the component's folder.
        package let path: BundlePath
        /// Mode 0755 where true, 0644 where not; there is no other.
        package let isExecutable: Bool
        /// Bytes.
        package let size: Int
        package let digest: SHA256Digest
        /// The pieces of a file that has several, in order.
        private let pieces: [Chunk]

        /// The pieces the file is cut into, in order; one for a file of one piece, none for an empty file.
        package var chunks: [Chunk] {
            pieces.isEmpty && size > 0 ? [Chunk(size: size, digest: digest)] : pieces
        }

        package init(path: BundlePath, isExecutable: Bool, size: Int, digest: SHA256Digest, chunks: [Chunk]) {
            self.path = path
            self.isExecutable = isExecutable
            self.size = size
            self.digest = digest
            // One piece is the whole file, whose digest is there already.
            pieces = chunks.count > 1 ? chunks : []
        }
    }

    package let files: [File]

    /// `files` are put in order; their paths differ.
    package init(files: [File]) { self.files = files.sorted { $0.path < $1.path } }

    /// Bytes of all files together.
    package var totalBytes: Int { files.reduce(0) { $0 + $1.size } }

    /// The canonical JSON whose digest stands in the manifest.
    package func encoded() throws(JSONError) -> [UInt8] {
        let entries = files.map { file -> JSONValue in
            var entry: JSONObject = [
                "mode": file.isExecutable ? "0755" : "0644", "path": .string(file.path.text),
                "sha256": .string(file.digest.hex), "size": .integer(file.size),
            ]
            // One chunk is the whole file: its digest is there already.
            if file.chunks.count > 1 {
                entry["chunks"] = .array(file.chunks.map { [.integer($0.size), .string($0.digest.hex)] })
            }
            return .object(entry)
        }
        return try JSONValue.object(["files": .array(entries), "schema": 1]).canonicalBytes()
    }

    /// Reads a table. Everything that could make two readers disagree is refused: another byte form than the
    /// canonical one, paths out of order or twice, a file where another needs a folder, chunks that don't add up.
    ///
    /// Read as a stream: a table of many files takes no more memory than its files as values.
    package static func parse(_ bytes: [UInt8], path: String) throws(JSONError) -> TableOfContents {
        let outcome = bytes.withUnsafeBytes { buffer in
            Result { () throws(JSONError) in try parse(buffer: buffer, path: path) }
        }
        return try outcome.get()
    }

    private static func parse(buffer: UnsafeRawBufferPointer, path: String) throws(JSONError) -> TableOfContents {
        // In canonical form no name stands twice, so the reader below need not look for that.
        try JSONReader.requireCanonical(buffer, limits: limits, path: path)
        var reader = try JSONReader(buffer, limits: limits)
        var files: [File] = []
        var sawFiles = false
        var schema: JSONValue?
        try reader.enterObject()
        while let name = try reader.nextMember() {
            if reader.text(at: name, equals: "files") {
                sawFiles = true
                try reader.enterArray()
                while try reader.nextElement() {
                    guard files.count < fileLimit else {
                        throw .unexpected(path: path, problem: "lists more than \(fileLimit) files")
                    }
                    let entry = try reader.value()
                    files.append(try File(JSONFields(entry, path: "\(path).files[\(files.count)]")))
                }
            } else if reader.text(at: name, equals: "schema") {
                schema = try reader.value()
            } else {
                try reader.skip()
            }
        }
        guard sawFiles, schema == 1 else {
            throw .unexpected(path: path, problem: sawFiles ? "has a schema other than 1" : "has no files")
        }
        try checkOrder(files, path: path)
        return TableOfContents(files: files)
    }

    private static func checkOrder(_ files: [File], path: String) throws(JSONError) {
        for (file, next) in zip(files, files.dropFirst()) {
            guard file.path < next.path else {
                throw .unexpected(path: path, problem: "\(next.path) is out of order or stands twice")
            }
        }
        // In byte order what lies below a path comes after it, but not always next to it: `a`, `a.b`, `a/c`.
        var prefixes: [[UInt8]] = []
        for file in files {
            let bytes = Array(file.path.text.utf8)
            prefixes.removeAll { !bytes.starts(with: $0) }
            if let above = prefixes.first(where: { bytes.count > $0.count && bytes[$0.count] == UInt8(ascii: "/") }) {
                let file = String(decoding: above, as: UTF8.self)
                throw .unexpected(
                    path: path,
                    problem: "\(String(decoding: bytes, as: UTF8.self)) lies below \(file), a file"
                )
            }
            prefixes.append(bytes)
        }
    }
}

extension TableOfContents.File {
    init(_ fields: JSONFields) throws(JSONError) {
        guard let path = BundlePath(try fields.string("path")) else {
            throw fields.problem("path", "is not a path inside a bundle")
        }
        let mode = try fields.string("mode")
        guard mode == "0644" || mode == "0755" else { throw fields.problem("mode", "is neither 0644 nor 0755") }
        let size = try fields.integer("size", in: 0...(1 << 46))
        let digest = try fields.digest("sha256")
        var chunks: [TableOfContents.Chunk] = []
        if let list = fields.optional("chunks") {
            guard let list = list.arrayValue, list.count > 1 else {
                throw fields.problem("chunks", "is no list of two or more")
            }
            for element in list { chunks.append(try fields.chunk(element)) }
        }
        let sizes = chunks.isEmpty ? [size] : chunks.map(\.size)
        guard sizes.reduce(0, +) == size, size == 0 || sizes.allSatisfy((1...TableOfContents.chunkLimit).contains)
        else { throw fields.problem("chunks", "don't add up to the file, or one is over 1 MiB") }
        self.init(path: path, isExecutable: mode == "0755", size: size, digest: digest, chunks: chunks)
    }
}

extension JSONFields {
    /// A member that is a SHA-256 digest in hexadecimal.
    func digest(_ name: String) throws(JSONError) -> SHA256Digest {
        guard let digest = SHA256Digest(hex: try string(name)) else {
            throw problem(name, "is no SHA-256 digest of 64 lowercase hexadecimal digits")
        }
        return digest
    }

    fileprivate func chunk(_ element: JSONValue) throws(JSONError) -> TableOfContents.Chunk {
        guard let pair = element.arrayValue, pair.count == 2, let size = pair[0].integerValue,
            let digest = pair[1].stringValue.flatMap({ SHA256Digest(hex: $0) }),
            (1...TableOfContents.chunkLimit).contains(Int(size))
        else { throw problem("chunks", "holds something other than pairs of size and digest") }
        return TableOfContents.Chunk(size: Int(size), digest: digest)
    }
}
