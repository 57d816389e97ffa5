internal import BundleFormat
internal import BundleManifest
internal import Digest
internal import EdgeAgent
internal import FileSystem
internal import JSON

/// What a box has of bundles: contents, tables of contents, and where chunks lie in files that it keeps.
final class KnownContent {
    private let store: ContentStore
    /// In whichever mode.
    private let files: Set<SHA256Digest>
    /// Paths of the tables of installed generations, by their digests as the manifests say them.
    private var tables: [SHA256Digest: (path: String, component: ComponentName)] = [:]
    private var places = ChunkPlaces()
    /// Chunks that turned out not to be what they should.
    private var distrusted: Set<SHA256Digest> = []

    init(_ layout: StoreLayout, store: ContentStore) throws {
        self.store = store
        files = Set(try store.names().map(\.digest))
        guard try FileSystem.status(of: layout.generations) != nil else { return }
        for name in try FileSystem.names(in: layout.generations) {
            guard SHA256Digest(hex: name) != nil else { continue }
            let folder = "\(layout.generations)/\(name)"
            // What can't be read here is fetched; whoever serves it finds out by itself.
            guard let bytes = try? FileSystem.read("\(folder)/MANIFEST.json", limit: Manifest.limits.bytes),
                let manifest = try? Manifest.parse(bytes)
            else { continue }
            for (component, entry) in manifest.components {
                tables[entry.tableDigest] = ("\(folder)/\(BundleLayout.tablePath(component))", component)
            }
        }
    }

    /// The bytes of a table, unchecked; nil where the box has none of that digest.
    func table(_ digest: SHA256Digest) -> [UInt8]? {
        tables[digest].flatMap { try? FileSystem.read($0.path, limit: TableOfContents.limits.bytes) }
    }

    /// What the box has that is of use for a bundle.
    func contents(for head: BundleHead) -> BoxContents {
        // Chunks are looked for where a file of several is missing: in other versions of the same component.
        let own = Set(head.manifest.components.values.map(\.tableDigest))
        let components = head.tables.filter { table in
            table.contents.files.contains { $0.chunks.count > 1 && !files.contains($0.digest) }
        }.map(\.component)
        for (digest, table) in tables where components.contains(table.component) && !own.contains(digest) {
            guard let bytes = self.table(digest), SHA256.digest(bytes) == digest,
                let contents = try? TableOfContents.parse(bytes, path: table.path)
            else { continue }
            places.add(contents)
        }
        let chunks = places.places.filter { files.contains($0.value.file) && !distrusted.contains($0.key) }
        return BoxContents(files: files, chunks: Set(chunks.keys))
    }

    /// The bytes of a chunk that `contents` named, unchecked.
    func chunk(_ chunk: TableOfContents.Chunk) -> [UInt8] {
        guard let place = places.places[chunk.digest] else { return [] }
        for isExecutable in [false, true] {
            let path = store.path(ContentName(place.file, isExecutable: isExecutable))
            if let file = try? File.open(path), let bytes = try? file.bytes(at: place.offset, count: place.size) {
                return bytes
            }
        }
        return []
    }

    func distrust(_ chunk: SHA256Digest) { distrusted.insert(chunk) }
}
