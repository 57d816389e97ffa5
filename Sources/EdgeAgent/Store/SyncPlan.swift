package import Deployment
package import Digest
package import JSON
package import WallClock

/// What verified metadata means for this box, endpoint by endpoint: the file `tuf/plan.json`.
///
/// `edgeagent-sync admit` writes it and the resident agent follows it, so that the resident reads no metadata.
package struct SyncPlan: Equatable, Sendable {
    /// Where the metadata came from; what came on a stick is fresh by itself.
    package enum Source: String, CaseIterable, Sendable {
        case repository, media
    }

    /// A moment that a restart or a wrong clock doesn't change.
    package struct Stamp: Hashable, Sendable {
        package var boot: BootID
        /// `CLOCK_BOOTTIME`.
        package var milliseconds: Int
        package var time: UTCTime

        package init(boot: BootID, milliseconds: Int, time: UTCTime) {
            self.boot = boot
            self.milliseconds = milliseconds
            self.time = time
        }
    }

    package var source: Source
    /// When the timestamp was verified.
    package var verified: Stamp
    package var timestampVersion: Int
    /// `x-edge-signed-at`.
    package var signedAt: UTCTime?
    /// What the repository asks for; nil where the box's own interval counts.
    package var pollSeconds: Int?
    /// Every endpoint of the box, and no other.
    package var endpoints: [EndpointName: EndpointPlan]

    package init(
        source: Source,
        verified: Stamp,
        timestampVersion: Int,
        signedAt: UTCTime? = nil,
        pollSeconds: Int? = nil,
        endpoints: [EndpointName: EndpointPlan] = [:]
    ) {
        self.source = source
        self.verified = verified
        self.timestampVersion = timestampVersion
        self.signedAt = signedAt
        self.pollSeconds = pollSeconds
        self.endpoints = endpoints
    }
}

/// What is wanted of one endpoint.
package struct EndpointPlan: Equatable, Sendable {
    package enum Wanted: Equatable, Sendable {
        /// Go to this bundle.
        case bundle(UpdateCandidate)
        /// What is wanted runs.
        case installed(UpdateCandidate)
        /// The endpoint is to be taken away by this deployment.
        case removal(serial: Int)
        /// Nothing else than what runs.
        case nothing(UpdateResult)
    }

    package var wanted: Wanted
    /// For people: why that is wanted, or what is in its way.
    package var sentence: String
    /// Whether it may be fetched, staged and probed.
    package var mayPrepare: Bool
    /// What keeps it from being activated now, as far as the documents say; the rest is the resident's: holds, freshness.
    package var waiting: WaitingReason?
    /// Set where an attempt at the deployment must end.
    package var withdrawal: Withdrawal?
    /// Whether what runs must stop at once.
    package var stopsRunning: Bool
    /// Bundles that the endpoint has or could go back to, and must not.
    package var revoked: Set<SHA256Digest> = []
    /// Target path of the deployment, which is in the store's documents.
    package var deployment: String?
    /// How old a verified timestamp may be at Activate.
    package var freshnessSeconds: Int
    /// `NAME VERSION` of the bundle, for people.
    package var title: String?
    /// What the candidate's generation takes on the disk when nothing of it is there yet.
    package var installBytes: Int
    /// The bundle's own estimate of what one runtime of it takes; nil where it gives none.
    package var memoryBytes: Int?

    package init(_ wanted: Wanted, _ sentence: String) {
        self.wanted = wanted
        self.sentence = sentence
        mayPrepare = false
        stopsRunning = false
        freshnessSeconds = Deployment.defaultFreshnessSeconds
        installBytes = 0
    }
}

extension EndpointPlan {
    /// What is reported while nothing is to be done by the plan; nil where something is, or was done already.
    package var result: UpdateResult? {
        switch wanted {
        case .bundle: mayPrepare ? nil : .waitingFor(waiting ?? .rollout)
        case .installed: nil
        case .removal: .incompatible(subject: "deployment", feature: DeploymentFeature.absent.rawValue)
        case .nothing(let result): result
        }
    }
}

extension SyncPlan {
    package static let limits = JSONLimits(bytes: 1 << 20, depth: 8, values: 50_000)

    package static func parse(_ bytes: [UInt8]) throws(JSONError) -> SyncPlan {
        let fields = try JSONFields(try JSONValue.parse(bytes, limits: limits), path: "plan")
        let verified = try fields.fields("verified")
        guard let time = try verified.optionalTime("time") else { throw verified.problem("time", "is missing") }
        var plan = SyncPlan(
            source: try fields.choice("source"),
            verified: Stamp(
                boot: try verified.boot("boot"),
                milliseconds: try verified.integer("milliseconds", in: JSONFields.counts),
                time: time
            ),
            timestampVersion: try fields.integer("timestampVersion", in: JSONFields.counts),
            signedAt: try fields.optionalTime("signedAt"),
            pollSeconds: try fields.optionalInteger("pollSeconds", in: 1...86_400)
        )
        for (name, value) in try fields.fields("endpoints").object.members {
            guard let endpoint = EndpointName(name) else { throw fields.problem("endpoints", "\(name) is no name") }
            plan.endpoints[endpoint] = try EndpointPlan(try JSONFields(value, path: "plan.endpoints.\(name)"))
        }
        return plan
    }

    package func encoded() throws(JSONError) -> [UInt8] {
        let endpoints = endpoints.sorted { $0.key < $1.key }.map { ($0.key.text, $0.value.json) }
        let value: JSONValue = [
            "endpoints": .object(JSONObject(endpoints)), "pollSeconds": .optional(pollSeconds),
            "signedAt": .optional(signedAt?.description), "source": .string(source.rawValue),
            "timestampVersion": .integer(timestampVersion),
            "verified": [
                "boot": .string(verified.boot.text), "milliseconds": .integer(verified.milliseconds),
                "time": .string(verified.time.description),
            ],
        ]
        return try value.canonicalBytes()
    }
}

extension EndpointPlan {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        self.init(try Wanted(try fields.fields("wanted")), try fields.string("sentence"))
        mayPrepare = try fields.optionalBoolean("mayPrepare") ?? false
        if fields.optional("waiting") != nil { waiting = try fields.choice("waiting") }
        if fields.optional("withdrawal") != nil { withdrawal = try fields.choice("withdrawal") }
        stopsRunning = try fields.optionalBoolean("stopsRunning") ?? false
        if fields.optional("revoked") != nil { revoked = Set(try fields.digests("revoked")) }
        deployment = try fields.optionalString("deployment")
        freshnessSeconds = try fields.integer("freshnessSeconds", in: JSONFields.counts)
        title = try fields.optionalString("title")
        installBytes = try fields.integer("installBytes", in: JSONFields.counts)
        memoryBytes = try fields.optionalInteger("memoryBytes", in: JSONFields.counts)
    }

    fileprivate var json: JSONValue {
        [
            "deployment": .optional(deployment), "freshnessSeconds": .integer(freshnessSeconds),
            "installBytes": .integer(installBytes), "mayPrepare": .boolean(mayPrepare),
            "memoryBytes": .optional(memoryBytes), "revoked": .digests(revoked.sorted { $0.hex < $1.hex }),
            "sentence": .string(sentence),
            "stopsRunning": .boolean(stopsRunning), "title": .optional(title),
            "waiting": .optional(waiting?.rawValue), "wanted": wanted.json,
            "withdrawal": .optional(withdrawal?.rawValue),
        ]
    }
}

extension EndpointPlan.Wanted {
    fileprivate init(_ fields: JSONFields) throws(JSONError) {
        switch try fields.string("kind") {
        case "bundle": self = .bundle(try UpdateCandidate(planned: fields))
        case "installed": self = .installed(try UpdateCandidate(planned: fields))
        case "removal": self = .removal(serial: try fields.integer("serial", in: JSONFields.counts))
        case "nothing":
            guard let result = UpdateResult(code: try fields.string("result")) else {
                throw fields.problem("result", "is no result of an update")
            }
            self = .nothing(result)
        default: throw fields.problem("kind", "is not known")
        }
    }

    fileprivate var json: JSONValue {
        switch self {
        case .bundle(let candidate): candidate.planned("bundle")
        case .installed(let candidate): candidate.planned("installed")
        case .removal(let serial): ["kind": "removal", "serial": .integer(serial)]
        case .nothing(let result): ["kind": "nothing", "result": .string(result.code)]
        }
    }
}

extension UpdateCandidate {
    fileprivate init(planned fields: JSONFields) throws(JSONError) {
        self.init(
            serial: try fields.integer("serial", in: JSONFields.counts),
            bundle: try fields.digest("bundle"),
            fallbacks: try fields.digests("fallbacks"),
            deadline: try fields.optionalMilliseconds("deadlineMilliseconds")
        )
    }

    fileprivate func planned(_ kind: String) -> JSONValue {
        [
            "bundle": .string(bundle.hex), "deadlineMilliseconds": .optional(deadline?.milliseconds),
            "fallbacks": .digests(fallbacks), "kind": .string(kind), "serial": .integer(serial),
        ]
    }
}
