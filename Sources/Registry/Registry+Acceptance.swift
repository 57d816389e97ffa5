package import Deployment
package import Digest
internal import FileSystem
internal import JSON
internal import UpdateFramework

/// An acceptance set as the registry lists it.
package struct PublishedAcceptance: Equatable, Sendable {
    package let document: Acceptance
    /// SHA-256 of the document, which a deployment's gate names.
    package let digest: SHA256Digest
}

extension Registry {
    /// What an acceptance set is to be, but for its version and data.
    package struct AcceptanceRequest: Sendable {
        package var endpoint: EndpointName
        package var metric: Acceptance.Metric
        package var bar: Acceptance.Bar
        package var output: String?

        package init(endpoint: EndpointName, metric: Acceptance.Metric, bar: Acceptance.Bar, output: String? = nil) {
            self.endpoint = endpoint
            self.metric = metric
            self.bar = bar
            self.output = output
        }
    }

    /// Publishes labelled data with its metric and bar as the endpoint's next acceptance set; what equals the
    /// newest one is not published again.
    ///
    /// - Parameter wanted: who is to list it; nil for the first that may and of which a key is here.
    package mutating func publishAcceptance(
        _ data: String,
        _ request: AcceptanceRequest,
        as wanted: RegistryRole? = nil,
        keys: KeyFolder
    ) throws -> Changed<PublishedAcceptance> {
        let known = lookup.listed(below: "acceptance").compactMap { AcceptanceLocation(path: $0.text) }
        let last = known.filter { $0.endpoint == request.endpoint }.map(\.version).max() ?? 0
        let next = AcceptanceLocation(endpoint: request.endpoint, version: last + 1)
        let role = try publisher(of: next.path, as: wanted, keys: keys)
        try requireKey(of: role, keys)
        let checked = try AcceptanceData.check(data)
        let blob = try blobs.store(data, parts: [(checked.bytes, checked.digest)])
        let view = self
        return try change(role, keys: keys) { editor in
            let listed = Set(RoleLookup(editor.roles).listed(below: "acceptance").map(\.text))
            let existing = view.acceptances(in: editor).filter { $0.document.location.endpoint == request.endpoint }
            let newest = existing.max { $0.document.location.version < $1.document.location.version }
            var document = Acceptance(
                location: AcceptanceLocation(
                    endpoint: request.endpoint,
                    version: newest?.document.location.version ?? 1
                ),
                metric: request.metric,
                bar: request.bar,
                data: blob.digest,
                dataBytes: blob.bytes,
                records: checked.records
            )
            document.output = request.output
            if let newest, newest.document == document { return Change(result: newest, edit: nil) }
            if let newest {
                document.location = AcceptanceLocation(
                    endpoint: request.endpoint,
                    version: newest.document.location.version + 1
                )
            }
            // Above those that can't be read here, too.
            while listed.contains(document.location.path) {
                document.location = AcceptanceLocation(
                    endpoint: request.endpoint,
                    version: document.location.version + 1
                )
            }
            let bytes = try document.encoded()
            let new = NewDocument(bytes, as: try targetPath(document.location.path))
            let published = PublishedAcceptance(document: document, digest: SHA256.digest(bytes))
            return .listing([new], result: published)
        }
    }

    /// Every acceptance set that is published, in the order of endpoints and versions.
    package var acceptances: [PublishedAcceptance] { acceptances(in: editor) }

    func acceptances(in editor: RepositoryEditor) -> [PublishedAcceptance] {
        RoleLookup(editor.roles).targets(below: "acceptance").compactMap(acceptance).sorted {
            let (left, right) = ($0.document.location, $1.document.location)
            return (left.endpoint, left.version) < (right.endpoint, right.version)
        }
    }

    /// Nil for one that can't be read, as a later program may have written; a deployment names sets by version and digest.
    func acceptance(_ target: FoundTarget) -> PublishedAcceptance? {
        let path = target.path.text
        guard let location = AcceptanceLocation(path: path), let digest = target.file.hashes.sha256,
            let document = try? Acceptance.parse(try document(path, target.file), at: location)
        else { return nil }
        return PublishedAcceptance(document: document, digest: digest)
    }

    /// An endpoint's acceptance set, the newest where no version is given. Throws `notPublished`.
    package func acceptance(of endpoint: EndpointName, version: Int? = nil) throws -> PublishedAcceptance {
        try acceptance(of: endpoint, version: version, editor)
    }

    func acceptance(
        of endpoint: EndpointName,
        version: Int?,
        _ editor: RepositoryEditor
    ) throws -> PublishedAcceptance {
        let existing = acceptances(in: editor).filter { $0.document.location.endpoint == endpoint }
        guard let found = existing.last(where: { version == nil || $0.document.location.version == version }) else {
            let what = "acceptance set \(version.map { "\($0) " } ?? "")of endpoint \(endpoint)"
            throw RegistryError.notPublished(what: what, known: existing.map { "\($0.document.location.version)" })
        }
        return found
    }
}

/// Labelled data: JSON lines, each with `inputs`, as the endpoint's requests have them, and `label`.
enum AcceptanceData {
    static let lineLimit = 16 << 20

    /// Reads every line; nothing of the file is kept.
    static func check(_ path: String) throws -> (bytes: Int, records: Int, digest: SHA256Digest) {
        let file = try MappedFile(path)
        return try file.withBytes { bytes in
            var (records, line, start) = (0, 0, 0)
            while start < bytes.count {
                line += 1
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                if start < end {
                    try check(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), path, line)
                    records += 1
                }
                start = end + 1
            }
            guard records > 0 else { throw RegistryError.badRecord(path: path, line: 1, problem: "it has no record") }
            return (bytes.count, records, SHA256.digest(bytes))
        }
    }

    private static func check(_ bytes: UnsafeRawBufferPointer, _ path: String, _ line: Int) throws(RegistryError) {
        do throws(JSONError) {
            let value = try JSONValue.parse(buffer: bytes, limits: JSONLimits(bytes: lineLimit))
            let fields = try JSONFields(value, path: "")
            _ = try fields.value("inputs")
            _ = try fields.value("label")
        } catch {
            throw .badRecord(path: path, line: line, problem: error.message)
        }
    }
}
