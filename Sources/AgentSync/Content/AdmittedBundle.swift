package import Deployment
package import Digest
package import EdgeAgent
internal import FileSystem
internal import JSON

/// What verified metadata says of a bundle: the file `tuf/bundles/DIGEST.json`.
///
/// `edgeagent-sync admit` writes it with the metadata that it has verified, so that what fetches and admits contents
/// reads no metadata.
package struct AdmittedBundle: Equatable, Sendable {
    /// The target path of the bundle's manifest, which lies in the store's documents.
    package let path: String
    package let record: BundleRecord

    package init(path: String, record: BundleRecord) {
        self.path = path
        self.record = record
    }

    private static let limits = JSONLimits(bytes: 1 << 20, depth: 16, values: 20_000)

    package static func file(of bundle: SHA256Digest, in layout: StoreLayout) -> String {
        "\(layout.trust)/bundles/\(bundle.hex).json"
    }

    /// Nil where no admitted metadata names the bundle.
    package static func read(_ bundle: SHA256Digest, from layout: StoreLayout) throws -> AdmittedBundle? {
        let file = file(of: bundle, in: layout)
        guard try FileSystem.status(of: file) != nil else { return nil }
        let bytes = try FileSystem.read(file, limit: limits.bytes)
        do throws(JSONError) {
            let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "")
            let path = try fields.string("path")
            guard BundleLocation(path: path) != nil else { throw fields.problem("path", "is no bundle's") }
            let record = try fields.fields("record")
            return AdmittedBundle(path: path, record: try BundleRecord(custom: record.object))
        } catch {
            throw ContentError.damagedStore(file: file, problem: error.message)
        }
    }

    /// Durable when it returns.
    package func write(_ bundle: SHA256Digest, to layout: StoreLayout) throws {
        let file = Self.file(of: bundle, in: layout)
        try FileSystem.createDirectories(FileSystem.parent(of: file))
        let value: JSONValue = ["path": .string(path), "record": .object(record.custom)]
        try FileSystem.write(try value.canonicalBytes(), to: file)
    }
}
