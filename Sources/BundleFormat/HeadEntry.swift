internal import Zstd

/// The tar entry of the manifest or of a table, which has a frame of its own.
enum HeadEntry {
    /// The most bytes that the frame of a document of `limit` bytes has.
    static func largestFrame(limit: Int) -> Int { zstdBound(limit + 2 * TarHeader.block) }

    /// The document inside the frame. Its bytes are not checked yet, all that surrounds them is.
    ///
    /// - Parameters:
    ///   - name: the entry's path in the tree.
    ///   - limit: the most bytes that the document may have.
    ///   - path: what messages call the file.
    ///   - offset: where the frame starts in it.
    static func content(ofFrame frame: [UInt8], name: String, limit: Int, path: String, offset: Int) throws -> [UInt8] {
        let bytes: [UInt8]
        do {
            let decompressor = try ZstdDecompressor()
            bytes = try frame.withUnsafeBytes {
                try decompressor.decompress(frame: $0, limit: limit + 2 * TarHeader.block)
            }
        } catch let error as ZstdError {
            throw BundleError.zstd(path: path, offset: offset, error)
        }
        // The size is the header's own claim; making the header again from it proves all the rest.
        let digits = bytes.dropFirst(124).prefix(11)
        let size = Int(String(decoding: digits, as: UTF8.self), radix: 8) ?? -1
        guard size >= 0, size <= limit, bytes.count == TarHeader.block + size + TarHeader.padding(after: size),
            bytes.starts(with: TarHeader.bytes(path: name, isExecutable: false, size: size)),
            bytes.dropFirst(TarHeader.block + size).allSatisfy({ $0 == 0 })
        else { throw BundleError.malformed(path: path, offset: offset, problem: "expected \(name)") }
        return Array(bytes.dropFirst(TarHeader.block).prefix(size))
    }
}
