internal import Crypto
internal import Deployment
internal import Diagnostics
internal import Digest
package import EdgeAgent
internal import FileSystem
package import FleetClient
package import FleetProtocol
internal import UpdateFramework
package import WallClock

/// `edgeagent-sync enroll`: a box joins a fleet, and is set up by what it was told and what the fleet adds to that.
///
/// The key is on the disk before anybody is asked, and `fleet.json`, which makes the box an enrolled one, is written
/// last. Cut off anywhere, enrolling again goes on with the same key, for which the fleet takes no second token.
package enum BoxEnrolment {
    package struct Result: Sendable {
        package let settings: FleetSettings
        package let box: BoxConfiguration
        package let rootVersion: Int
        /// When the certificate expires.
        package let expiry: UTCTime
        /// What somebody who looks after the box may want to know.
        package let notices: [String]
    }

    /// - Parameter settings: what the box was told by options, by its file, or before; it counts more than what the fleet
    ///   says.
    package static func enrol(
        _ token: EnrolmentToken,
        _ settings: BoxSettings,
        _ layout: StoreLayout,
        options: FleetClientOptions = FleetClientOptions()
    ) throws -> Result {
        try enrol(token, settings, layout, options: options) { _ in }
    }

    /// - Parameter willWrite: told of each file of `fleet/` before it is written or removed.
    static func enrol(
        _ token: EnrolmentToken,
        _ settings: BoxSettings,
        _ layout: StoreLayout,
        options: FleetClientOptions,
        willWrite: @escaping (String) throws -> Void
    ) throws -> Result {
        if try FileSystem.statusFollowingLinks(of: layout.format) != nil { try AgentStore.checkFormat(layout) }
        let device = try device(settings, layout)
        try SyncStore.makeFolder(layout.root)
        let store = try BoxIdentity(layout, willWrite: willWrite)
        let key = try key(of: store, for: token, device, options)
        let (identity, reply) = try FleetEnrolment.enrol(token, device: device, key: key, options: options)

        var notices: [String] = []
        var told = settings
        told.device = device
        try complete(&told, by: reply, token, store, &notices)
        let configured = try BoxSetUp.configure(told, layout)
        try write(reply.labels, layout, willWrite)
        let fleet = FleetSettings(
            server: identity.server,
            device: device,
            authorities: identity.authorities,
            interval: reply.interval
        )
        // The old fleet's address and the new one's key are no pair.
        if let old = try layout.readFleetSettings(), old.server != fleet.server || old.device != fleet.device {
            try store.removeSettings()
            notices.append("the box leaves the fleet of \(old.server), where it was \(old.device)")
        }
        try store.write(identity)
        try store.write(fleet)
        try store.endEnrolment()
        return Result(
            settings: fleet,
            box: configured.box,
            rootVersion: configured.rootVersion,
            expiry: identity.expiry,
            notices: notices
        )
    }

    private static func device(_ settings: BoxSettings, _ layout: StoreLayout) throws -> DeviceID {
        guard let device = try settings.device ?? BoxSetUp.known(layout)?.device ?? BoxFacts.deviceID() else {
            throw SetUpError.missing(
                "what the box is called, and /etc/machine-id does not tell",
                hint: "give --device ID, another one for each box"
            )
        }
        guard device.text.utf8.count <= FleetLimits.deviceBytes else {
            throw SetUpError.missing(
                "what the fleet is to call the box: \(device) has more than \(FleetLimits.deviceBytes) bytes",
                hint: "give --device ID with a shorter one"
            )
        }
        return device
    }

    /// The key of an enrolment that was cut off; else the one that this fleet knows the box by; else a new one. What a
    /// fleet knows no more may be known to somebody else.
    private static func key(
        of store: BoxIdentity,
        for token: EnrolmentToken,
        _ device: DeviceID,
        _ options: FleetClientOptions
    ) throws -> PrivateKey {
        if let key = store.enrolmentKey() { return key }
        let key: PrivateKey
        if let known = store.known(), known.settings.device == device,
            let authorities = try? Certificate.parse(
                pem: Array(known.settings.authorities.utf8),
                source: "authorities"
            ),
            authorities.contains(where: { SHA256.digest($0.derBytes) == token.authority }),
            try isMember(known.identity, at: token.server, options)
        {
            key = known.identity.privateKey
        } else {
            key = try PrivateKey.generate()
        }
        try store.keepForEnrolment(key)
        return key
    }

    /// Whether the fleet takes anything from a box of that identity: no telemetry at all is sent to find that out.
    private static func isMember(
        _ identity: FleetIdentity,
        at server: String,
        _ options: FleetClientOptions
    ) throws -> Bool {
        do throws(FleetClientError) {
            _ = try FleetConnection(identity, options: options).send(metrics: [])
            return true
        } catch {
            switch error {
            case .refused(let problem, _) where problem.code == .certificateExpired: return true
            case .refused(let problem, _) where problem.code.needsSomebody: return false
            case .network where identity.server == server: throw error
            // The address may have become another, which is the token's to say.
            case .unrecognized, .untrusted, .network, .foreign, .unreadable, .unusable, .otherAuthority: return false
            case .refused: throw error
            }
        }
    }

    /// Puts what the fleet says where nobody has said anything. A root counts only by the digest in the token.
    private static func complete(
        _ told: inout BoxSettings,
        by reply: EnrolmentReply,
        _ token: EnrolmentToken,
        _ store: BoxIdentity,
        _ notices: inout [String]
    ) throws {
        told.channel = told.channel ?? reply.channel
        if told.repository == nil, let url = reply.repository {
            // What is there is believed by its signatures alone, so it may be any place that can be one.
            guard ["https://", "http://", "/"].contains(where: { url.hasPrefix($0) }), url.utf8.count <= 2048,
                let place = BoxSettings.repository(url, in: "/")
            else {
                throw SyncFailure(
                    .refused("the fleet names a repository that is neither a URL nor a folder: \(url.prefix(200))")
                )
            }
            told.repository = place
        }
        guard told.root == nil else { return }
        let trusted = try MetadataDirectory(store.layout.metadata).read(
            .role(.root),
            limitBytes: UpdateLimits().rootBytes
        )
        if trusted != nil {
            guard let digest = token.root else { return }
            let first = try MetadataDirectory(store.layout.metadata).read(
                .rootHistory(1),
                limitBytes: UpdateLimits().rootBytes
            )
            let known = [trusted, first].compactMap { $0.map { SHA256.digest($0) } }
            if !known.contains(digest) {
                notices.append("the box keeps the root that it trusts, which is another than the token names")
            }
            return
        }
        guard let digest = token.root else { return }
        guard let root = reply.root.map({ Array($0.utf8) }) else {
            throw SyncFailure(
                .refused("the token names a root, and the fleet has sent none"),
                hint: "give --root FILE: the repository's metadata/1.root.json, brought by a way that you trust"
            )
        }
        guard SHA256.digest(root) == digest else {
            throw SyncFailure(
                .refused("the root that the fleet has sent is not the one that the token names"),
                hint: "make a new token, or give --root FILE",
                exitCode: .signatureInvalid
            )
        }
        try store.write(root: root)
        told.root = store.layout.enrolmentRoot
    }

    private static func write(
        _ labels: [String: String],
        _ layout: StoreLayout,
        _ willWrite: (String) throws -> Void
    ) throws {
        let labels = FleetLabels(labels)
        // A box that never had any needs no file that says so.
        guard try !labels.labels.isEmpty || FileSystem.status(of: layout.inboxLabels) != nil else { return }
        try willWrite(layout.inboxLabels)
        _ = try labels.write(to: layout.inboxLabels)
    }
}
