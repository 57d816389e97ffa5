internal import Diagnostics
internal import Digest
internal import JSON

/// The file: an object with the texts of metadata and documents as strings, so that they stay what was signed.
extension Proposal {
    private static let format = "edge-proposal-1"
    /// Roots before the proposal; a repository renews its root a few times a year.
    private static let mostRoots = 4_096

    /// Reads a proposal. Nothing in it is trusted before `review`.
    ///
    /// - Parameter place: what errors call it.
    package init(
        parsing bytes: [UInt8],
        place: String,
        limits: UpdateLimits = UpdateLimits()
    ) throws(ProposalError) {
        guard bytes.count <= Self.limitBytes else { throw .tooLarge(place: place, limitBytes: Self.limitBytes) }
        do {
            let json = try JSONValue.parse(bytes, limits: JSONLimits(bytes: Self.limitBytes, values: 250_000))
            try self.init(try JSONFields(json, path: ""), limits)
        } catch let error as any ExplainedError {
            throw .unusable(place: place, reason: error.message)
        } catch {
            throw .unusable(place: place, reason: "\(error)")
        }
    }

    private init(_ fields: JSONFields, _ limits: UpdateLimits) throws {
        let format = try fields.string("format")
        guard format == Self.format else { throw fields.problem("format", "is not \(Self.format)") }
        let role = try fields.roleName("role")
        let metadata = try StagedMetadata(parsing: Array(try fields.string("metadata").utf8), as: role, limits: limits)
        let version = try fields.integer("version", in: MetadataHeader.versions)
        guard version == metadata.version else {
            throw fields.problem("version", "is \(version), and that of the metadata is \(metadata.version)")
        }
        let roots = try fields.strings("roots")
        guard roots.count <= Self.mostRoots else { throw fields.problem("roots", "are more than \(Self.mostRoots)") }
        var context = ProposalContext(roots: roots.map { Array($0.utf8) })
        var seen: Set<RoleName> = []
        for (index, value) in try fields.array("delegators").enumerated() {
            let entry = try JSONFields(value, path: "delegators[\(index)]")
            let delegator = try entry.roleName("role")
            guard seen.insert(delegator).inserted else {
                throw entry.problem("role", "stands there twice")
            }
            let text = try entry.string("metadata")
            context.delegators.append(ProposalContext.Delegator(role: delegator, bytes: Array(text.utf8)))
        }
        context.previous = try fields.optionalString("previous").map { Array($0.utf8) }
        for text in try fields.strings("assumed") {
            guard let assumed = RoleName(text) else { throw fields.problem("assumed", "names no role") }
            context.assumed.insert(assumed)
        }
        var documents: [NewDocument] = []
        for (index, value) in try fields.array("documents").enumerated() {
            let entry = try JSONFields(value, path: "documents[\(index)]")
            guard let path = TargetPath(try entry.string("path")) else {
                throw entry.problem("path", "can't be the path of a target")
            }
            documents.append(NewDocument(Array(try entry.string("text").utf8), as: path))
        }
        let attachments = try fields.strings("attachments").map { Array($0.utf8) }
        self.init(metadata: metadata, context: context, documents: documents, attachments: attachments)
    }

    /// The file. Throws where it would be larger than one that is read, or where a document is no text.
    package func encoded() throws(ProposalError) -> [UInt8] {
        var object: JSONObject = [
            "format": .string(Self.format), "role": .string(role.text), "version": .integer(version),
            "metadata": try Self.text(metadata.encoded(), fileName),
            "roots": try Self.texts(context.roots, fileName),
        ]
        var delegators: [JSONValue] = []
        for delegator in context.delegators {
            let text = try Self.text(delegator.bytes, delegator.role.text)
            delegators.append(["role": .string(delegator.role.text), "metadata": text])
        }
        object["delegators"] = .array(delegators)
        if let previous = context.previous { object["previous"] = try Self.text(previous, fileName) }
        object["assumed"] = .array(context.assumed.sorted().map { .string($0.text) })
        var listed: [JSONValue] = []
        for document in documents {
            let text = try Self.text(document.contents, document.path.text)
            listed.append(["path": .string(document.path.text), "text": text])
        }
        object["documents"] = .array(listed)
        let sorted = attachments.sorted { $0.key.hex < $1.key.hex }.map(\.value)
        object["attachments"] = try Self.texts(sorted, fileName)
        let bytes = JSONValue.object(object).prettyBytes()
        guard bytes.count <= Self.limitBytes else { throw .tooLarge(place: fileName, limitBytes: Self.limitBytes) }
        return bytes
    }

    private static func texts(_ files: [[UInt8]], _ name: String) throws(ProposalError) -> JSONValue {
        var texts: [JSONValue] = []
        for file in files { texts.append(try text(file, name)) }
        return .array(texts)
    }

    private static func text(_ bytes: [UInt8], _ name: String) throws(ProposalError) -> JSONValue {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .unusable(place: name, reason: "a document that is no UTF-8 text can't be proposed")
        }
        return .string(text)
    }
}

extension JSONFields {
    /// A role whose name can be that of a file.
    fileprivate func roleName(_ name: String) throws(JSONError) -> RoleName {
        let text = try string(name)
        guard let role = RoleName(text), RepositoryPath(components: [role.listedName]).filePath != nil else {
            throw problem(name, "\(text.quotedName) can't be the name of a role here")
        }
        return role
    }
}
