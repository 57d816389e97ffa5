package import Deployment
package import Diagnostics
internal import Digest
package import EdgeAgent
internal import FileSystem
internal import Glibc
internal import JSON
internal import UpdateFramework
internal import WallClock

/// Why a box can't be set up as it is said.
package enum SetUpError: ExplainedError, Equatable {
    case missing(String, hint: String)
    case sharedAddress(String, EndpointName, EndpointName)
    /// The store trusts another root than the one that is given.
    case otherRoot(path: String, version: Int, trusted: Int, store: String)

    package var message: String {
        switch self {
        case .missing(let what, _): "nobody said \(what)"
        case .sharedAddress(let address, let one, let other): "endpoints \(one) and \(other) both listen on \(address)"
        case .otherRoot(let path, let version, let trusted, let store):
            "\(path) is another root (version \(version)) than the one that \(store) trusts (version \(trusted)); "
                + "a box changes its root only by what the trusted one has signed"
        }
    }

    package var hint: String? {
        switch self {
        case .missing(_, let hint): hint
        case .sharedAddress: "give each endpoint an address of its own"
        case .otherRoot:
            "to move the box to another repository for good, give it a new store; leave --root out to keep its trust"
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .missing, .sharedAddress: .configuration
        case .otherRoot: .signatureInvalid
        }
    }
}

/// `edgeagent-sync configure`: from what people say to `box.json`, and to a root that is trusted.
package enum BoxSetUp {
    /// What was set up.
    package struct Result: Sendable {
        package let box: BoxConfiguration
        package let rootVersion: Int
        /// Whether the root is trusted only now.
        package let isNewTrust: Bool
    }

    /// Writes the store's format, the trusted root and `box.json`, in that order: a box with a configuration has a root.
    /// A store of a newer format is left as it is.
    package static func configure(_ settings: BoxSettings, _ layout: StoreLayout) throws -> Result {
        let isNew = try FileSystem.statusFollowingLinks(of: layout.format) == nil
        if !isNew { try AgentStore.checkFormat(layout) }
        let known = try? SyncStore(opening: layout).box
        let box = try box(settings, known: known)
        let encoded = try box.encoded()
        try SyncStore.makeFolder(layout.root)
        let lock = try SyncStore.lock(in: layout.trust)
        defer { withExtendedLifetime(lock) {} }
        if isNew {
            let value: JSONValue = ["format": .string(StoreLayout.format)]
            try FileSystem.write(try value.canonicalBytes(), to: layout.format, mode: 0o600)
        }
        let (version, isNewTrust) = try trust(settings.root, in: layout)
        // An agent must start on a full disk, too: what is there already is not written again.
        if (try? FileSystem.read(layout.box, limit: encoded.count)) != encoded {
            try FileSystem.write(encoded, to: layout.box, mode: 0o600)
        }
        return Result(box: box, rootVersion: version, isNewTrust: isNewTrust)
    }

    /// How the box is set up; nil where it isn't yet.
    package static func known(_ layout: StoreLayout) throws -> BoxConfiguration? {
        guard try FileSystem.statusFollowingLinks(of: layout.box) != nil else { return nil }
        return try AgentStore(layout).box()
    }

    /// Puts defaults where nobody said anything.
    ///
    /// - Parameter known: how the box was set up before. Its id stays, so that a changed host name draws no new places
    ///   in waves.
    package static func box(_ settings: BoxSettings, known: BoxConfiguration?) throws -> BoxConfiguration {
        guard let channel = settings.channel else {
            throw SetUpError.missing("whose deployments the box follows", hint: "give --channel dev, staging or prod")
        }
        guard let device = try settings.device ?? known?.device ?? BoxFacts.deviceID() else {
            throw SetUpError.missing(
                "what the box is called, and /etc/machine-id does not tell",
                hint: "give --device ID, another one for each box"
            )
        }
        let folder = try BoxFacts.programFolder()
        var box = BoxConfiguration(
            device: device,
            channel: channel,
            programs: BoxConfiguration.Programs(
                runtime: settings.runtime ?? FileSystem.join(folder, "edgeruntime"),
                launcher: settings.launcher ?? FileSystem.join(folder, "edgelaunch"),
                launcherSocket: settings.launcherSocket,
                sync: settings.sync ?? FileSystem.join(folder, "edgeagent-sync"),
                python: settings.python
            )
        )
        box.labels = Labels(settings.labels)
        box.repository = settings.repository
        var owners: [String: EndpointName] = [:]
        for (name, address) in settings.endpoints.sorted(by: { $0.key < $1.key }) {
            // Port 0 is whichever is free, another one for each.
            if !address.hasSuffix(":0"), let owner = owners.updateValue(name, forKey: address) {
                throw SetUpError.sharedAddress(address, owner, name)
            }
            box.endpoints[name] = BoxConfiguration.Endpoint(listen: address)
        }
        box.pollSeconds = settings.pollSeconds ?? box.pollSeconds
        box.offlineMaximumAgeDays = settings.offlineMaximumAgeDays ?? box.offlineMaximumAgeDays
        box.diskReserveBytes = settings.diskReserveBytes ?? box.diskReserveBytes
        box.startLimitSeconds = settings.startLimitSeconds ?? box.startLimitSeconds
        return box
    }

    /// Trusts the root where none is trusted yet; else checks that it is one that was.
    private static func trust(_ path: String?, in layout: StoreLayout) throws -> (version: Int, isNew: Bool) {
        let store = MetadataDirectory(layout.metadata)
        let limit = UpdateLimits().rootBytes
        let trusted = try store.read(.role(.root), limitBytes: limit).map { try Self.root($0) }
        guard let path else {
            guard let trusted else {
                throw SetUpError.missing(
                    "which root the box trusts",
                    hint: "give --root FILE: the repository's metadata/1.root.json, brought by a way that you trust"
                )
            }
            return (trusted.version, false)
        }
        // Once there is trust, its beginning may be gone: a box must come up after its stick was pulled.
        if let trusted, try FileSystem.statusFollowingLinks(of: path) == nil { return (trusted.version, false) }
        let bytes = try FileSystem.read(path, limit: limit)
        let given = try Self.root(bytes)
        guard let trusted else {
            try Updater.trust(root: bytes, in: store)
            return (given.version, true)
        }
        if try store.read(.rootHistory(given.version), limitBytes: limit) == bytes { return (trusted.version, false) }
        // The next one after the trusted root is taken by the next update, if it is signed as it must be.
        if given.version == trusted.version + 1,
            let current = try store.read(.role(.root), limitBytes: limit),
            var judge = try? TrustedMetadata(root: current, updateStart: UTCTime(seconds: 0)),
            (try? judge.updateRoot(bytes)) != nil
        {
            return (trusted.version, false)
        }
        throw SetUpError.otherRoot(path: path, version: given.version, trusted: trusted.version, store: layout.root)
    }

    private static func root(_ bytes: [UInt8]) throws -> RootMetadata {
        try TrustedMetadata(root: bytes, updateStart: UTCTime(seconds: 0)).root
    }
}
