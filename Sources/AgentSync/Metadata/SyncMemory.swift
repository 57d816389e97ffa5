internal import BundleManifest
package import Deployment
package import Digest
package import JSON
package import WallClock

/// What a box keeps of what it has admitted: numbers that only rise, choices made once, and which documents stand. The
/// file `tuf/memory.json`, which `edgeagent-sync admit` writes before the plan that is made by it.
package struct SyncMemory: Equatable, Sendable {
    /// Of one endpoint in one channel.
    package struct Endpoint: Equatable, Sendable {
        package var serials = AcceptedSerials()
        package var floors = VersionFloors()
        package var rollout = RolloutMemory()
        package var waves: [WaveAssignment] = []
        /// By the deployment's digest: the bundle that was chosen for it.
        package var taken: [SHA256Digest: SHA256Digest] = [:]

        package init() {}
    }

    /// No time before this one is believed.
    package var clockFloor: UTCTime?
    /// Target paths of the deployments, rollouts and revocations that the admitted metadata lists for this box.
    package var documents: [String] = []
    /// Those that could be read last: they hold on while newer ones can't be read.
    package var revocations = Revocations()
    /// By `CHANNEL/ENDPOINT`.
    package var endpoints: [String: Endpoint] = [:]
    /// Whether metadata was ever admitted.
    package var hasAdmitted = false

    /// What it was read from, for members that a newer program wrote.
    private var original: JSONObject = [:]

    package init() {}

    package static func key(_ channel: Channel, _ endpoint: EndpointName) -> String {
        "\(channel.rawValue)/\(endpoint)"
    }

    package static func == (left: SyncMemory, right: SyncMemory) -> Bool {
        left.clockFloor == right.clockFloor && left.documents == right.documents
            && left.revocations == right.revocations && left.endpoints == right.endpoints
            && left.hasAdmitted == right.hasAdmitted
    }
}

extension SyncMemory {
    /// 10,000 revocations take 2 MB.
    package static let limits = JSONLimits(bytes: 32 << 20, depth: 12, values: 500_000)

    package static func parse(_ bytes: [UInt8]) throws -> SyncMemory {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "memory")
        var memory = SyncMemory()
        memory.original = fields.object
        memory.hasAdmitted = true
        memory.clockFloor = try fields.time("clockFloor")
        memory.documents = try fields.strings("documents")
        if let known = fields.optional("revocations") {
            memory.revocations = try Revocations.parse(try known.canonicalBytes())
        }
        for (key, value) in try fields.fields("endpoints").object.members {
            memory.endpoints[key] = try Endpoint(try JSONFields(value, path: "memory.endpoints.\(key)"))
        }
        return memory
    }

    package func encoded() throws -> [UInt8] {
        var object = original
        object["clockFloor"] = clockFloor.map { .string($0.description) } ?? .null
        object["documents"] = .array(documents.sorted().map { .string($0) })
        object["revocations"] = try JSONValue.parse(try revocations.encoded(), limits: Self.limits)
        object["endpoints"] = .object(
            JSONObject(endpoints.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })
        )
        return try JSONValue.object(object).canonicalBytes()
    }
}

extension SyncMemory.Endpoint {
    private static let counts = 0...(1 << 53) - 1

    fileprivate init(_ fields: JSONFields) throws {
        var highest: [SHA256Digest: Int] = [:]
        for (audience, value) in try fields.fields("serials").object.members {
            guard let audience = SHA256Digest(hex: audience),
                let serial = value.integerValue.flatMap({ Int(exactly: $0) })
            else {
                throw fields.problem("serials", "\(audience) is no audience with a serial")
            }
            highest[audience] = serial
        }
        serials = AcceptedSerials(highest)
        var known: [BundleName: BundleVersion] = [:]
        for (name, value) in try fields.fields("floors").object.members {
            guard let name = BundleName(name), let version = value.stringValue.flatMap({ BundleVersion($0) }) else {
                throw fields.problem("floors", "\(name) is no bundle's name with a version")
            }
            known[name] = version
        }
        floors = VersionFloors(known)
        let rollout = try fields.fields("rollout")
        self.rollout.serial = try rollout.integer("serial", in: Self.counts)
        self.rollout.epoch = try rollout.integer("epoch", in: Self.counts)
        self.rollout.document = rollout.optional("document") == nil ? nil : try rollout.digest("document")
        self.rollout.aborted = Set(try rollout.digests("aborted"))
        for element in try fields.array("waves") {
            let wave = try JSONFields(element, path: "\(fields.path).waves")
            waves.append(
                WaveAssignment(
                    deployment: try wave.digest("deployment"),
                    serial: try wave.integer("serial", in: Self.counts),
                    waves: try wave.array("waves").compactMap { $0.integerValue.flatMap { Int(exactly: $0) } }
                )
            )
        }
        let taken = try fields.fields("taken")
        for name in taken.object.names {
            guard let deployment = SHA256Digest(hex: name) else { throw taken.problem(name, "is no digest") }
            self.taken[deployment] = try taken.digest(name)
        }
    }

    fileprivate var json: JSONValue {
        let serials = serials.highest.sorted { $0.key < $1.key }.map { ($0.key.hex, JSONValue.integer($0.value)) }
        let floors = floors.floors.sorted { $0.key.text < $1.key.text }
            .map { ($0.key.text, JSONValue.string($0.value.description)) }
        let taken = taken.sorted { $0.key < $1.key }.map { ($0.key.hex, JSONValue.string($0.value.hex)) }
        let waves = waves.map { wave -> JSONValue in
            [
                "deployment": .string(wave.deployment.hex), "serial": .integer(wave.serial),
                "waves": .array(wave.waves.map { .integer($0) }),
            ]
        }
        return [
            "serials": .object(JSONObject(serials)), "floors": .object(JSONObject(floors)),
            "taken": .object(JSONObject(taken)), "waves": .array(waves),
            "rollout": [
                "aborted": .array(rollout.aborted.sorted().map { .string($0.hex) }),
                "document": rollout.document.map { .string($0.hex) } ?? .null, "epoch": .integer(rollout.epoch),
                "serial": .integer(rollout.serial),
            ],
        ]
    }
}

// Readers of single members.
extension JSONFields {
    func digest(_ name: String) throws(JSONError) -> SHA256Digest {
        guard let digest = SHA256Digest(hex: try string(name)) else { throw problem(name, "is no SHA-256 digest") }
        return digest
    }

    func digests(_ name: String) throws(JSONError) -> [SHA256Digest] {
        var digests: [SHA256Digest] = []
        for text in try strings(name) {
            guard let digest = SHA256Digest(hex: text) else { throw problem(name, "holds what is no SHA-256 digest") }
            digests.append(digest)
        }
        return digests
    }

    func time(_ name: String) throws(JSONError) -> UTCTime? {
        guard let text = try optionalString(name) else { return nil }
        guard let time = UTCTime(text) else { throw problem(name, "is no time such as 2026-01-31T12:00:00Z") }
        return time
    }
}
