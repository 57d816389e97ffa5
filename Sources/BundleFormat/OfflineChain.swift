package import BundleManifest
internal import Digest
internal import JSON

/// Files of a repository that travel behind a bundle: the signed metadata and documents, so that one portable file brings
/// an update to a box without a network. Nothing in it is trusted because it is there: the box verifies it as it
/// verifies a repository.
///
/// Body: u64 length of the directory, little-endian | directory, canonical JSON | the files' bytes one after another.
package struct OfflineChain: Equatable, Sendable {
    /// Paths below the repository's base (`metadata/…`, `targets/…`, `blobs/…`), with their bytes.
    package private(set) var files: [(path: BundlePath, bytes: [UInt8])]

    /// The folders whose files may be in it.
    package static let folders = ["blobs", "metadata", "targets"]
    private static let limits = JSONLimits(bytes: 8 << 20, depth: 4, values: 200_000)
    private static let mostFiles = 50_000
    private static let format = 1

    /// Takes the files in any order. Throws `malformed` for what `parse` would refuse.
    ///
    /// - Parameter path: what messages call the file that it is for.
    package init(_ files: [(path: String, bytes: [UInt8])], for path: String) throws(BundleError) {
        var taken: [(path: BundlePath, bytes: [UInt8])] = []
        for file in files {
            guard let place = Self.place(file.path) else {
                throw Self.malformed(path, "\(file.path) can't be in an offline chain")
            }
            taken.append((place, file.bytes))
        }
        taken.sort { $0.path < $1.path }
        guard zip(taken, taken.dropFirst()).allSatisfy({ $0.path < $1.path }) else {
            throw Self.malformed(path, "two files of the offline chain have one path")
        }
        guard taken.count <= Self.mostFiles else {
            throw Self.malformed(path, "the offline chain has more than \(Self.mostFiles) files")
        }
        self.files = taken
    }

    /// The bytes of a file, or nil where it isn't in it.
    package subscript(path: String) -> [UInt8]? {
        guard let place = BundlePath(path) else { return nil }
        // In the order of their paths.
        var (low, high) = (0, files.count)
        while low < high {
            let middle = (low + high) / 2
            if files[middle].path < place { low = middle + 1 } else { high = middle }
        }
        return low < files.count && files[low].path == place ? files[low].bytes : nil
    }

    private static func place(_ text: String) -> BundlePath? {
        guard let path = BundlePath(text), let slash = text.firstIndex(of: "/"),
            folders.contains(String(text[..<slash]))
        else { return nil }
        return path
    }

    private static func malformed(_ path: String, _ problem: String) -> BundleError {
        .malformed(path: path, offset: 0, problem: problem)
    }

    package static func == (left: OfflineChain, right: OfflineChain) -> Bool {
        left.files.elementsEqual(right.files) { $0.path == $1.path && $0.bytes == $1.bytes }
    }
}

extension OfflineChain {
    /// The frame that carries it. Throws `malformed` where no reader would take so large a frame.
    package func frame(for path: String) throws -> AppendedFrame {
        let frame = AppendedFrame(tag: AppendedFrame.offlineTag, body: try encoded())
        guard frame.bytes.count <= AppendedFrame.sizeLimit else {
            let problem = "the offline chain would have more than \(AppendedFrame.sizeLimit) bytes; export to a folder"
            throw Self.malformed(path, problem)
        }
        return frame
    }

    /// The body of the frame: the same files give the same bytes.
    package func encoded() throws -> [UInt8] {
        let listed = files.map { file -> JSONValue in
            ["bytes": .integer(file.bytes.count), "path": .string(file.path.text)]
        }
        let directory = try (["files": .array(listed), "format": .integer(Self.format)] as JSONValue).canonicalBytes()
        var body = withUnsafeBytes(of: UInt64(directory.count).littleEndian) { Array($0) }
        body.reserveCapacity(body.count + directory.count + files.reduce(0) { $0 + $1.bytes.count })
        body += directory
        for file in files { body += file.bytes }
        return body
    }

    /// Reads a body; there is one body for any set of files, and every other is refused.
    ///
    /// - Parameter path: what messages call the file that carries it.
    package static func parse(_ body: [UInt8], path: String) throws -> OfflineChain {
        guard body.count >= 8, case let length = readLittleEndian(body.prefix(8)), length <= limits.bytes,
            length <= body.count - 8
        else { throw malformed(path, "the offline chain tells no length of its directory") }
        let directory = body[8..<(8 + length)]
        var files: [(path: String, bytes: [UInt8])] = []
        var position = 8 + length
        do throws(JSONError) {
            let value = try JSONValue.parse(directory, limits: limits)
            let fields = try JSONFields(value, path: "offline chain")
            _ = try fields.integer("format", in: format...format)
            for (index, element) in try fields.array("files").enumerated() {
                let file = try JSONFields(element, path: "files[\(index)]")
                let count = try file.integer("bytes", in: 0...(body.count - position))
                files.append((try file.string("path"), Array(body[position..<(position + count)])))
                position += count
            }
        } catch {
            throw malformed(path, "the offline chain can't be read: \(error.message)")
        }
        guard position == body.count else { throw malformed(path, "bytes follow the offline chain's last file") }
        let chain = try OfflineChain(files, for: path)
        guard try chain.encoded() == body else { throw malformed(path, "the offline chain is not in its one form") }
        return chain
    }

    /// The one that a file's appended frames carry, or nil. Throws where there are two: which of them counts, nobody says.
    package static func find(in frames: [AppendedFrame], of path: String) throws -> OfflineChain? {
        let found = frames.filter { $0.tag == AppendedFrame.offlineTag }
        guard found.count <= 1 else { throw malformed(path, "it carries two offline chains") }
        return try found.first.map { try parse($0.body, path: path) }
    }
}
