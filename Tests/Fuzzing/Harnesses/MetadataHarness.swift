internal import JSON
internal import UpdateFramework

extension FuzzHarness {
    static let metadata = FuzzHarness(
        "metadata",
        "one metadata file, read as each of the four kinds",
        limitBytes: 16_384
    ) { input in
        if let root: MetadataDocument<RootMetadata> = try readAgain(input, as: .root) {
            let body = root.body
            for role in [RoleName.root, .timestamp, .snapshot, .targets] {
                let verified: Void? = try refusing(UpdateError.self) {
                    try root.verify(body.keys(of: role), keys: body.keys, delegator: "it")
                }
                let enough = body.keys(of: role).threshold <= root.signatures.count { $0.bytes != nil }
                try require(verified == nil || enough, "a threshold met by fewer signatures")
            }
        }
        let _: MetadataDocument<TimestampMetadata>? = try readAgain(input, as: .timestamp)
        if let snapshot: MetadataDocument<SnapshotMetadata> = try readAgain(input, as: .snapshot) {
            try require(
                snapshot.body.files.count == members(of: "meta", input),
                "a snapshot lists another number of files than its text"
            )
        }
        if let targets: MetadataDocument<TargetsMetadata> = try readAgain(input, as: .targets) {
            try checkTargets(targets, input)
        }
    }

    /// The document, where it is one of this kind. Written as it was read, and as a document of our own, it says the same.
    private static func readAgain<Body>(_ input: [UInt8], as role: RoleName) throws -> MetadataDocument<Body>? {
        let limit = 1 << 20
        let read = try refusing(UpdateError.self) {
            try MetadataDocument<Body>(parsing: input, as: role, limitBytes: limit)
        }
        guard let document = read else { return nil }
        let again = try MetadataDocument<Body>(parsing: document.encoded(), as: role, limitBytes: limit)
        try require(again.body == document.body, "another \(role) after writing and reading")
        let ours = try MetadataDocument<Body>(document.body, role: role).encoded()
        let reread = try MetadataDocument<Body>(parsing: ours, as: role, limitBytes: limit)
        try require(reread.body == document.body, "another \(role) after writing it anew")
        try require(
            try MetadataDocument<Body>(reread.body, role: role).encoded() == ours,
            "\(role) written in two ways"
        )
        return document
    }

    private static func checkTargets(_ document: MetadataDocument<TargetsMetadata>, _ input: [UInt8]) throws {
        let targets = document.body
        try require(
            targets.targets.count == members(of: "targets", input),
            "targets metadata lists another number of targets than its text"
        )
        guard let delegations = targets.delegations else { return }
        for delegated in delegations.roles {
            _ = try refusing(UpdateError.self) {
                try document.verify(delegated.keys, keys: delegations.keys, delegator: "it")
            }
            for path in targets.targets.keys.prefix(4) {
                if let path = TargetPath(path) { _ = delegated.covers(path) }
            }
        }
    }

    /// How many members an object under `signed` has, by the text alone.
    private static func members(of name: String, _ input: [UInt8]) -> Int? {
        let value = try? JSONValue.parse(input, limits: .document)
        return value?["signed"]?[name]?.objectValue?.members.count
    }
}
