package import BundleManifest
package import Digest
package import JSON
package import WallClock

/// Where a bundle's manifest lies in the repository: the target whose SHA-256 is the bundle digest.
package struct BundleLocation: Hashable, Sendable {
    package let name: BundleName
    package let version: BundleVersion
    /// The text of a `Platform`.
    package let platform: String

    package init(name: BundleName, version: BundleVersion, platform: String) {
        self.name = name
        self.version = version
        self.platform = platform
    }

    /// From `bundles/NAME/VERSION/PLATFORM.json`; nil for any other path.
    package init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "bundles", let name = BundleName(parts[1]),
            let version = BundleVersion(parts[2]), parts[3].hasSuffix(".json"), parts[3].count > 5
        else { return nil }
        self.init(name: name, version: version, platform: String(parts[3].dropLast(5)))
    }

    package var path: String { "bundles/\(name)/\(version)/\(platform).json" }
}

/// What the repository keeps beside a manifest: the target's custom metadata, `{"edge": {…}}`.
///
/// Blobs lie at `blobs/SHA256` in hexadecimal, beside `metadata` and `targets`; immutable.
package struct BundleRecord: Equatable, Sendable {
    package struct Blob: Hashable, Sendable {
        package var digest: SHA256Digest
        package var bytes: Int

        package init(digest: SHA256Digest, bytes: Int) {
            self.digest = digest
            self.bytes = bytes
        }

        /// Relative to the repository's base.
        package var path: String { "blobs/\(digest.hex)" }
    }

    /// The built archive, without anything appended.
    package var archive: Blob
    /// OMS signatures, each the JSON of a sigstore bundle.
    package var signatures: [Blob]
    package var publisher: String
    package var published: UTCTime
    package var reason: String?
    package var tags: [String: String]

    package init(
        archive: Blob,
        signatures: [Blob] = [],
        publisher: String,
        published: UTCTime,
        reason: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.archive = archive
        self.signatures = signatures
        self.publisher = publisher
        self.published = published
        self.reason = reason
        self.tags = tags
    }

    /// The member of a target's custom metadata that is ours.
    package static let member = "edge"

    /// From a target's custom metadata. Throws where it says nothing that a box could fetch.
    package init(custom: JSONObject?) throws(JSONError) {
        let fields = try JSONFields(.object(custom ?? [:]), path: "custom").fields(Self.member)
        archive = try Blob(try fields.fields("archive"))
        signatures = []
        if fields.optional("signatures") != nil {
            for (index, element) in try fields.array("signatures").prefix(64).enumerated() {
                signatures.append(try Blob(try JSONFields(element, path: "custom.edge.signatures[\(index)]")))
            }
        }
        publisher = try fields.optionalString("publisher") ?? ""
        published = try fields.optionalString("published").flatMap { UTCTime($0) } ?? UTCTime(seconds: 0)
        reason = try fields.optionalString("reason")
        tags = [:]
        for (name, value) in try fields.optionalFields("tags")?.object.members ?? [] {
            tags[name] = value.stringValue
        }
    }

    package var custom: JSONObject {
        var members: JSONObject = [
            "archive": archive.json, "published": .string(published.description), "publisher": .string(publisher),
        ]
        if !signatures.isEmpty { members["signatures"] = .array(signatures.map(\.json)) }
        if let reason { members["reason"] = .string(reason) }
        if !tags.isEmpty {
            members["tags"] = .object(JSONObject(tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        }
        return [Self.member: .object(members)]
    }
}

extension BundleRecord.Blob {
    /// The largest that a reader takes on: what JSON keeps exactly is far beyond any disk.
    private static let sizes = 1...(1 << 50)

    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        guard let digest = SHA256Digest(hex: try fields.string("sha256")) else {
            throw fields.problem("sha256", "is no SHA-256 digest")
        }
        self.init(digest: digest, bytes: try fields.integer("bytes", in: Self.sizes))
    }

    fileprivate var json: JSONValue { ["bytes": .integer(bytes), "sha256": .string(digest.hex)] }
}
