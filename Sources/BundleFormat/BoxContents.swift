package import BundleManifest
package import Digest

/// What a box has already, by digests that it computed itself.
package struct BoxContents: Sendable {
    /// Whole files, whatever their mode.
    package var files: Set<SHA256Digest>
    /// Chunks of files, such as the last version of a model or a file half fetched: the visitor gives them again.
    package var chunks: Set<SHA256Digest>

    package init(files: Set<SHA256Digest> = [], chunks: Set<SHA256Digest> = []) {
        self.files = files
        self.chunks = chunks
    }
}

/// Where the chunks of files that a box has lie in them.
package struct ChunkPlaces: Sendable {
    package struct Place: Equatable, Sendable {
        /// The digest of the file that holds the chunk.
        package let file: SHA256Digest
        /// In bytes from the file's start.
        package let offset: Int
        package let size: Int
    }

    package private(set) var places: [SHA256Digest: Place] = [:]

    package init() {}

    /// Adds the chunks of the files of a table, but for those of one chunk, which have their file's digest.
    package mutating func add(_ table: TableOfContents) {
        for file in table.files where file.chunks.count > 1 {
            var offset = 0
            for chunk in file.chunks {
                places[chunk.digest] = Place(file: file.digest, offset: offset, size: chunk.size)
                offset += chunk.size
            }
        }
    }
}
