internal import BundleManifest
internal import Digest
internal import JSON

extension Deployment {
    /// Reads `deployments/CHANNEL/ENDPOINT/SERIAL.json` from where it lies.
    ///
    /// Throws ``DocumentError/requiresUnknown(_:path:features:)`` for a feature outside `supported` that it requires
    /// or uses, ``DocumentError/malformed(_:path:_:)`` for anything else that is wrong, a place that disagrees with
    /// the content included.
    package static func parse(
        _ bytes: [UInt8],
        at location: DeploymentLocation,
        supporting supported: Set<DeploymentFeature> = Set(DeploymentFeature.allCases)
    ) throws(DocumentError) -> Deployment {
        let names = Set(supported.map(\.rawValue))
        return try SignedDocument.read(bytes, .deployment, path: location.path, knowing: names) { fields in
            let deployment = try Deployment(fields, at: location)
            // Hand-written bytes may use a feature without requiring it.
            let lacking = deployment.features.subtracting(supported)
            guard lacking.isEmpty else { throw UnknownFeatures(lacking.map(\.rawValue).sorted()) }
            return deployment
        }
    }

    /// The canonical bytes, with every feature used in `requires`. Throws where the deployment contradicts itself.
    package func encoded() throws(DocumentError) -> [UInt8] {
        do throws(JSONError) {
            try check()
            let bytes = try SignedDocument.write(try members(), requiring: Set(features.map(\.rawValue)))
            guard bytes.count <= SignedDocument.limits.bytes else {
                throw .tooLarge(bytes: bytes.count, limit: SignedDocument.limits.bytes)
            }
            return bytes
        } catch {
            throw .malformed(.deployment, path: location.path, error)
        }
    }

    init(_ fields: JSONFields, at location: DeploymentLocation) throws {
        let head = try DeploymentHead(fields, at: location)
        let state: State
        if let text = try fields.optionalString("state") {
            guard text == "absent" else { throw UnknownFeatures("state", text) }
            state = .absent
        } else {
            _ = try fields.value("bundles")
            state = .bundles(try fields.digests("bundles", most: Self.mostBundles))
        }
        self.init(
            location: location,
            state: state,
            reason: try fields.line("reason"),
            author: try fields.line("author")
        )
        selector = head.audience.selector
        priority = head.audience.priority
        try readPlan(fields)
        try readNarrowings(fields)
        try check()
    }

    private mutating func readPlan(_ fields: JSONFields) throws {
        if let strategy = try fields.optionalFields("strategy") { self.strategy = try UpdateStrategy(strategy) }
        salt = try fields.optionalLine("salt")
        waves = try fields.list("waves", most: Self.mostWaves).map(Wave.init)
        if let gates = try fields.optionalFields("gates") { self.gates = try Gates(gates) }
        fallback = try fields.digests("fallback", most: Self.mostBundles)
        deadlineSeconds = try fields.optionalInteger("deadlineSeconds", in: 1...longestSeconds)
        set = try fields.optionalFields("set").map(UpdateSet.init)
    }

    private mutating func readNarrowings(_ fields: JSONFields) throws {
        if fields.optional("minimumVersion") != nil { minimumVersion = try fields.bundleVersion("minimumVersion") }
        containment = try fields.choices("containment", "containment")
        parameters = try fields.optionalFields("parameters")?.object ?? [:]
        if let change = try fields.optionalString("interfaceChange") {
            guard change == "allowed" else { throw fields.problem("interfaceChange", "can only be \"allowed\"") }
            allowsInterfaceChange = true
        }
        windows = try fields.list("windows", most: Self.mostWindows).map(UpdateWindow.init)
        freshnessSeconds = try fields.optionalInteger("freshnessSeconds", in: 1...longestSeconds)
    }

    /// What reader and writer both refuse: contradictions that each key alone doesn't show.
    private func check() throws(JSONError) {
        func refuse(_ name: String, _ problem: String, where isWrong: Bool) throws(JSONError) {
            if isWrong { throw .unexpected(path: name, problem: problem) }
        }
        let bundles = state.bundles
        try refuse("bundles", "is empty", where: state != .absent && bundles.isEmpty)
        try refuse("bundles", "names one twice", where: Set(bundles).count != bundles.count)
        try refuse("bundles", "names more than \(Self.mostBundles)", where: bundles.count > Self.mostBundles)
        try refuse("serial", "is below 1", where: location.serial < 1)
        try refuse("waves", "names one wave twice", where: Set(waves.map(\.name)).count != waves.count)
        try refuse("waves", "holds more than \(Self.mostWaves)", where: waves.count > Self.mostWaves)
        try refuse("waves", "holds a name that is none", where: waves.contains { EndpointName($0.name) == nil })
        try refuse(
            "fallback",
            "names a bundle of the deployment itself",
            where: !Set(bundles).isDisjoint(with: fallback)
        )
        try refuse("reason", "is no line of text", where: !isPlainLine(reason))
        try refuse("author", "is no line of text", where: !isPlainLine(author))
        try refuse("salt", "is no line of text", where: salt.map { !isPlainLine($0) } ?? false)
        let selectors = waves.compactMap { if case .labels(let selector) = $0.members { selector } else { nil } }
        for selector in selectors + [selector].compactMap({ $0 }) {
            let isTooLarge = selector.clauseCount > Selector.mostClauses || selector.levels > Selector.deepest
            try refuse("selector", "has too many clauses or levels", where: isTooLarge)
        }
        guard let set else { return }
        let member = set.members.first { $0.endpoint == location.endpoint }
        try refuse("set", "lacks this endpoint, or names other bundles for it", where: member?.bundles != bundles)
        try refuse(
            "set",
            "names one endpoint twice",
            where: Set(set.members.map(\.endpoint)).count != set.members.count
        )
    }

    private func members() throws(JSONError) -> JSONObject {
        var object: JSONObject = [
            "channel": .string(location.channel.rawValue), "endpoint": .string(location.endpoint.text),
            "serial": .integer(location.serial), "priority": .integer(priority), "strategy": try strategy.json(),
            "reason": .string(reason), "author": .string(author),
        ]
        switch state {
        case .absent: object["state"] = "absent"
        case .bundles(let digests): object["bundles"] = .array(digests.map { .string($0.hex) })
        }
        object["selector"] = selector?.json
        object["salt"] = salt.map { .string($0) }
        if !waves.isEmpty { object["waves"] = .array(try waves.map { wave throws(JSONError) in try wave.json() }) }
        if !gates.isEmpty { object["gates"] = try gates.json() }
        if !fallback.isEmpty { object["fallback"] = .array(fallback.map { .string($0.hex) }) }
        object["minimumVersion"] = minimumVersion.map { .string($0.description) }
        if !containment.isEmpty {
            object["containment"] = .array(containment.map(\.rawValue).sorted().map { .string($0) })
        }
        if !parameters.isEmpty { object["parameters"] = .object(parameters) }
        if allowsInterfaceChange { object["interfaceChange"] = "allowed" }
        object["deadlineSeconds"] = deadlineSeconds.map { .integer($0) }
        if !windows.isEmpty { object["windows"] = .array(windows.map(\.json)) }
        object["set"] = set?.json
        object["freshnessSeconds"] = freshnessSeconds.map { .integer($0) }
        return object
    }
}

/// What can be read of a deployment that asks for more than this program can do: whom it is meant for.
struct DeploymentHead: Equatable, Sendable {
    let audience: DeploymentAudience

    init(_ fields: JSONFields, at location: DeploymentLocation) throws {
        guard try fields.string("channel") == location.channel.rawValue,
            try fields.string("endpoint") == location.endpoint.text,
            try fields.integer("serial", in: 1...SignedDocument.largestInteger) == location.serial
        else {
            throw JSONError.unexpected(
                path: "",
                problem: "its channel, endpoint or serial is another than its path says"
            )
        }
        audience = DeploymentAudience(
            selector: try fields.optionalFields("selector").map(Selector.init),
            priority: try fields.optionalInteger("priority", in: -1_000_000...1_000_000) ?? 0
        )
    }
}

extension UpdateStrategy {
    private enum Kind: String { case `switch`, shadowThenSwitch, canary, stopSwap }

    init(_ fields: JSONFields) throws {
        let kind: Kind = try fields.choice("kind", "strategy")
        switch kind {
        case .switch: self = .switchOver
        case .shadowThenSwitch: self = .shadowThenSwitch(seconds: try fields.integer("seconds", in: 1...longestSeconds))
        case .canary:
            self = .canary(
                share: try fields.percent("share"),
                seconds: try fields.integer("seconds", in: 1...longestSeconds)
            )
        case .stopSwap: self = .stopSwap
        }
    }

    func json() throws(JSONError) -> JSONValue {
        switch self {
        case .switchOver: ["kind": "switch"]
        case .shadowThenSwitch(let seconds): ["kind": "shadowThenSwitch", "seconds": .integer(seconds)]
        case .canary(let share, let seconds):
            ["kind": "canary", "share": try share.json(), "seconds": .integer(seconds)]
        case .stopSwap: ["kind": "stopSwap"]
        }
    }
}

extension UpdateSet {
    private static let mostMembers = 64

    init(_ fields: JSONFields) throws {
        identifier = try fields.line("id")
        members = try fields.list("members", most: Self.mostMembers).map { member in
            Member(
                endpoint: try member.endpoint("endpoint"),
                bundles: try member.digests("bundles", most: Deployment.mostBundles)
            )
        }
    }

    var json: JSONValue {
        let listed = members.map { member -> JSONValue in
            [
                "endpoint": .string(member.endpoint.text),
                "bundles": .array(member.bundles.map { .string($0.hex) }),
            ]
        }
        return ["id": .string(identifier), "members": .array(listed)]
    }
}
