package import BundleManifest
package import Digest
internal import JSON

/// The signed part of a bundle: the manifest and the tables of contents, with their bytes.
package struct BundleHead: Sendable {
    package struct Table: Sendable {
        package let component: ComponentName
        package let bytes: [UInt8]
        package let contents: TableOfContents
    }

    package let manifest: Manifest
    package let manifestBytes: [UInt8]
    package let tables: [Table]

    /// The bundle digest.
    package var digest: SHA256Digest { SHA256.digest(manifestBytes) }

    /// The files that the manifest says are served, and that the tables don't list.
    private var missingEntries: [String] {
        let entries: [String?] =
            switch manifest.entry {
            case .onnx(let model, let library): [model, library]
            case .script(let script, let model): [script, model]
            }
        return entries.compactMap { $0 }.filter { !holds($0) }
    }

    /// Whether a path from the bundle's root is a file, or a folder with files, in the tables.
    private func holds(_ path: String) -> Bool {
        tables.contains { table in
            let prefix = "\(table.component.rawValue)/"
            guard path.hasPrefix(prefix) else { return path == table.component.rawValue }
            let wanted = path.utf8.dropFirst(prefix.utf8.count)
            return table.contents.files.contains { file in
                let found = file.path.text.utf8
                return found.starts(with: wanted)
                    && (found.count == wanted.count || found.dropFirst(wanted.count).first == UInt8(ascii: "/"))
            }
        }
    }

    /// Reads the signed part, in the one way that archives and extracted trees are read.
    ///
    /// - Parameters:
    ///   - path: what messages call the bundle.
    ///   - read: the bytes of a table by its path; asked for in the order of the components.
    init(_ manifestBytes: [UInt8], of path: String, table read: (String) throws -> [UInt8]) throws {
        do throws(ManifestError) {
            manifest = try Manifest.parse(manifestBytes)
        } catch {
            throw BundleError.manifest(path: path, error)
        }
        self.manifestBytes = manifestBytes
        guard manifest.components.values.reduce(0, { $0 + $1.files }) <= TableOfContents.fileLimit else {
            let problem = "it lists more than \(TableOfContents.fileLimit) files"
            throw BundleError.contradictory(path: path, problem: problem)
        }
        var tables: [Table] = []
        var tableBytes = 0
        for name in ComponentName.allCases {
            guard let component = manifest.components[name] else { continue }
            let tablePath = BundleLayout.tablePath(name)
            let bytes = try read(tablePath)
            tableBytes += bytes.count
            guard tableBytes <= TableOfContents.limits.bytes else {
                let problem = "its tables have more than \(TableOfContents.limits.bytes) bytes"
                throw BundleError.contradictory(path: path, problem: problem)
            }
            guard SHA256.digest(bytes) == component.tableDigest else {
                throw BundleError.changed(path: path, part: tablePath)
            }
            let contents: TableOfContents
            do throws(JSONError) {
                contents = try TableOfContents.parse(bytes, path: tablePath)
            } catch {
                throw BundleError.table(path: path, error)
            }
            guard contents.totalBytes == component.bytes, contents.files.count == component.files else {
                let problem = "\(tablePath) holds other sums than the manifest says"
                throw BundleError.contradictory(path: path, problem: problem)
            }
            tables.append(Table(component: name, bytes: bytes, contents: contents))
        }
        self.tables = tables
        if let missing = missingEntries.first {
            let problem = "the manifest serves \(missing), which is not in it"
            throw BundleError.contradictory(path: path, problem: problem)
        }
    }

    /// Bytes of all content files.
    package var contentBytes: Int { tables.reduce(0) { $0 + $1.contents.totalBytes } }

    /// Every file of the extracted tree with its digest: the manifest, the tables, the content.
    package var treeDigests: [(path: String, digest: SHA256Digest)] {
        var files = [(BundleLayout.manifestPath, digest)]
        for table in tables {
            files.append((BundleLayout.tablePath(table.component), SHA256.digest(table.bytes)))
            for file in table.contents.files {
                files.append((BundleLayout.path(of: file.path, in: table.component), file.digest))
            }
        }
        return files
    }
}
