package import BundleManifest
internal import Digest

/// What of a bundle's content a box has not, as the signed part says it: nothing is known of the archive yet.
package struct MissingContent: Sendable {
    /// A content that is missing, told of the first file that has it.
    package struct File: Sendable {
        package let component: ComponentName
        /// The file's place in its table.
        package let place: Int
        package let file: TableOfContents.File
        /// For each of its chunks, whether it has to be fetched; the others the box has.
        package let isFetched: [Bool]
    }

    package let head: BundleHead
    /// In archive order. The same content in several files is there once, as a box keeps it once.
    package let files: [File]

    /// Throws `contradictory` where one digest is given two sizes.
    package init(of head: BundleHead, for box: BoxContents, path: String) throws(BundleError) {
        var sizes: [SHA256Digest: Int] = [:]
        var files: [File] = []
        for table in head.tables {
            for (place, file) in table.contents.files.enumerated() {
                if let size = sizes.updateValue(file.size, forKey: file.digest) {
                    guard size == file.size else {
                        let name = BundleLayout.path(of: file.path, in: table.component)
                        let problem = "\(name) has the digest of a file of another size"
                        throw .contradictory(path: path, problem: problem)
                    }
                    continue
                }
                guard !box.files.contains(file.digest) else { continue }
                let isFetched = file.chunks.map { !box.chunks.contains($0.digest) }
                files.append(File(component: table.component, place: place, file: file, isFetched: isFetched))
            }
        }
        self.head = head
        self.files = files
    }

    /// The components that have something to fetch: those whose part of the index is needed. In archive order.
    package var components: [ComponentName] {
        let names = Set(files.lazy.filter { $0.isFetched.contains(true) }.map(\.component))
        return ComponentName.allCases.filter(names.contains)
    }
}
