import BundleManifest
import Deployment
import Digest
import JSON
import Testing

/// Every key at once.
private func everything() throws -> Deployment {
    try deployment(7, bundles: [1, 2]) { deployment in
        deployment.selector = try Selector(text: "(site=oslo | zone in (a,b)),!lab,role!=x,!(a,b)")
        deployment.priority = -3
        deployment.strategy = .canary(share: try percent(2.5), seconds: 600)
        deployment.salt = "round 2"
        deployment.waves = [
            Wave(name: "lab", members: .devices([try device("box-2"), try device("box-1")])),
            Wave(name: "some", members: .percent(try percent(0.125)), notBefore: try time("2027-01-31T04:00:00Z")),
            Wave(name: "oslo", members: .labels(try Selector(text: "site=oslo"))),
            Wave(name: "rest", members: .percent(.all)),
        ]
        deployment.gates.acceptance = Gates.AcceptanceReference(version: 4, digest: digest(40))
        deployment.gates.thresholds = [
            Gates.Threshold(measure: .errorRate, maximum: 0.01, minimumSamples: 200),
            Gates.Threshold(measure: .crashes, maximum: 0, minimumSamples: 0),
        ]
        deployment.gates.soak = Gates.Soak(seconds: 600, minimumSamples: 100)
        deployment.gates.backtest = Gates.Backtest(minimumRecords: 50, minimumAgreement: 0.95, maximumLatencyRatio: 1.5)
        deployment.fallback = [digest(9)]
        deployment.minimumVersion = BundleVersion("1.2")
        deployment.containment = [.net, .noNewPrivileges]
        deployment.parameters = ["threshold": 3]
        deployment.allowsInterfaceChange = true
        deployment.deadlineSeconds = 86_400
        deployment.windows = [
            try #require(UpdateWindow(days: [.sat, .mon], from: 22 * 60, to: 4 * 60 + 30, zone: .box)),
            try #require(UpdateWindow(days: [.sun], from: 0, to: 1440, zone: .utc)),
        ]
        deployment.set = UpdateSet(
            identifier: "cell 7",
            members: [
                UpdateSet.Member(endpoint: try #require(EndpointName("camera")), bundles: [digest(5)]),
                UpdateSet.Member(endpoint: deployment.location.endpoint, bundles: [digest(1), digest(2)]),
            ]
        )
        deployment.freshnessSeconds = 60
    }
}

@Suite struct DeploymentDocumentTests {
    @Test func readsBackEveryKeyItWrites() throws {
        let deployment = try everything()
        let bytes = try deployment.encoded()
        #expect(try Deployment.parse(bytes, at: deployment.location) == deployment)
        #expect(try Deployment.parse(bytes, at: deployment.location).encoded() == bytes)
    }

    @Test func writesTheLeastDeploymentAsCanonicalJSON() throws {
        let digits = digest(1).hex
        #expect(
            text(try deployment().encoded()) == #"{"author":"ops@example.com","bundles":["\#(digits)"],"#
                + #""channel":"prod","endpoint":"digits","priority":0,"reason":"release 7","requires":[],"schema":1,"#
                + #""serial":7,"strategy":{"kind":"switch"}}"#
        )
    }

    /// One row a key: what the writer puts in `requires` for it.
    @Test(
        arguments: [
            ("bundles", []), ("state", ["absent"]), ("variants", ["variants"]), ("selector", ["selector"]),
            ("priority", []), ("strategy.switch", []), ("strategy.shadow", ["strategy.shadowThenSwitch"]),
            ("strategy.canary", ["strategy.canary"]), ("strategy.stopSwap", ["strategy.stopSwap"]), ("salt", []),
            ("waves", ["waves"]), ("acceptance", ["gate.acceptance"]), ("thresholds", ["gate.thresholds"]),
            ("soak", ["gate.soak"]), ("backtest", ["gate.backtest"]), ("fallback", []), ("floor", ["floor"]),
            ("containment", ["containment"]), ("parameters", ["parameters"]), ("interfaceChange", []),
            ("deadline", []), ("windows", ["window"]), ("set", ["set"]), ("freshness", ["freshness"]),
        ] as [(String, [String])]
    )
    func putsEveryNarrowingKeyIntoRequires(_ key: String, _ expected: [String]) throws {
        let all = try everything()
        let deployment = try deployment { deployment in
            switch key {
            case "state": deployment.state = .absent
            case "variants": deployment.state = all.state
            case "selector": deployment.selector = all.selector
            case "priority": deployment.priority = 5
            case "strategy.shadow": deployment.strategy = .shadowThenSwitch(seconds: 60)
            case "strategy.canary": deployment.strategy = all.strategy
            case "strategy.stopSwap": deployment.strategy = .stopSwap
            case "salt": deployment.salt = all.salt
            case "waves": deployment.waves = all.waves
            case "acceptance": deployment.gates.acceptance = all.gates.acceptance
            case "thresholds": deployment.gates.thresholds = all.gates.thresholds
            case "soak": deployment.gates.soak = all.gates.soak
            case "backtest": deployment.gates.backtest = all.gates.backtest
            case "fallback": deployment.fallback = all.fallback
            case "floor": deployment.minimumVersion = all.minimumVersion
            case "containment": deployment.containment = all.containment
            case "parameters": deployment.parameters = all.parameters
            case "interfaceChange": deployment.allowsInterfaceChange = true
            case "deadline": deployment.deadlineSeconds = 60
            case "windows": deployment.windows = all.windows
            case "set":
                let member = UpdateSet.Member(endpoint: deployment.location.endpoint, bundles: [digest(1)])
                deployment.set = UpdateSet(identifier: "s", members: [member])
            case "freshness": deployment.freshnessSeconds = 60
            default: break
            }
        }
        let written = try JSONValue.parse(try deployment.encoded(), limits: .document)
        #expect(written["requires"] == .array(expected.map { .string($0) }))
    }

    @Test func everyFeatureIsUsedByADocument() throws {
        var used = try everything().features
        for strategy in [UpdateStrategy.stopSwap, .shadowThenSwitch(seconds: 1)] {
            used.formUnion(try deployment { $0.strategy = strategy }.features)
        }
        used.formUnion(try deployment { $0.state = .absent }.features)
        #expect(used == Set(DeploymentFeature.allCases))
    }

    @Test(arguments: DeploymentFeature.allCases)
    func namesWhatItsReaderCannotDo(_ feature: DeploymentFeature) throws {
        let all = try everything()
        guard all.features.contains(feature) else { return }
        var supported = Set(DeploymentFeature.allCases)
        supported.remove(feature)
        let error = DocumentError.requiresUnknown(.deployment, path: all.location.path, features: [feature.rawValue])
        let bytes = try all.encoded()
        #expect(throws: error) { try Deployment.parse(bytes, at: all.location, supporting: supported) }
        #expect(error.result.code == "incompatible(deployment: \(feature.rawValue))")
        // A writer that forgot `requires` changes nothing.
        let silent = try edited(bytes) { $0["requires"] = [] }
        #expect(throws: error) { try Deployment.parse(silent, at: all.location, supporting: supported) }
    }

    @Test func ignoresUnknownKeysThatNothingRequires() throws {
        let deployment = try deployment()
        let bytes = try edited(try deployment.encoded()) { $0["colour"] = ["deep": [1, 2]] }
        #expect(try Deployment.parse(bytes, at: deployment.location) == deployment)
    }

    struct Newer: Sendable, CustomTestStringConvertible {
        let name: String
        let features: [String]
        let edit: @Sendable (inout JSONObject) -> Void

        init(_ name: String, _ features: String..., edit: @escaping @Sendable (inout JSONObject) -> Void) {
            self.name = name
            self.features = features
            self.edit = edit
        }

        var testDescription: String { name }
    }

    @Test(arguments: [
        Newer("a required feature", "moon") { $0["requires"] = ["window", "moon"] },
        Newer("two of them", "moon", "sun") { $0["requires"] = ["moon", "sun"] },
        Newer("a newer schema", "schema.2") { $0["schema"] = 2 },
        Newer("a strategy", "strategy.teleport") { $0["strategy"] = ["kind": "teleport"] },
        Newer("a gate", "gate.entropy") { $0["gates"] = ["entropy": 1] },
        Newer("a measure", "gate.thresholds.joules") {
            $0["gates"] = ["thresholds": [["measure": "joules", "maximum": 1, "minimumSamples": 1]]]
        },
        Newer("a containment layer", "containment.bpf") { $0["containment"] = ["net", "bpf"] },
        Newer("a selector's operator", "selector.matches") { $0["selector"] = ["label": "a", "matches": "b"] },
        Newer("an operator within", "selector.near") { $0["selector"] = ["all": [["label": "a", "near": "b"]]] },
        Newer("a wave's selector", "selector.matches") {
            $0["waves"] = [["name": "a", "selector": ["label": "a", "matches": "b"]]]
        },
        Newer("a state", "state.draining") { $0["state"] = "draining" },
        Newer("a zone", "window.zone.site") {
            $0["windows"] = [["days": ["mon"], "from": "01:00", "to": "02:00", "zone": "site"]]
        },
        Newer("a weekday", "window.days.holiday") {
            $0["windows"] = [["days": ["holiday"], "from": "01:00", "to": "02:00", "zone": "utc"]]
        },
    ])
    func namesTheFeatureItDoesNotKnow(_ newer: Newer) throws {
        let bytes = try edited(try deployment().encoded(), newer.edit)
        let place = try location()
        let error = DocumentError.requiresUnknown(.deployment, path: place.path, features: newer.features)
        #expect(throws: error) { try Deployment.parse(bytes, at: place) }
        #expect(error.message.contains("the deployment deployments/prod/digits/7.json requires"))
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        let problem: String
        let edit: @Sendable (inout JSONObject) -> Void

        init(_ problem: String, edit: @escaping @Sendable (inout JSONObject) -> Void) {
            self.problem = problem
            self.edit = edit
        }

        var testDescription: String { problem }
    }

    @Test(arguments: [
        Wrong("schema: is missing") { $0["schema"] = nil },
        Wrong("schema: 0 is outside") { $0["schema"] = 0 },
        Wrong("requires: is missing") { $0["requires"] = nil },
        Wrong("requires: is no list of up to 64 feature names") { $0["requires"] = ["a b"] },
        Wrong("requires: is no list of up to 64 feature names") {
            $0["requires"] = .array(Array(repeating: "window", count: 65))
        },
        Wrong("its channel, endpoint or serial is another") { $0["channel"] = "dev" },
        Wrong("its channel, endpoint or serial is another") { $0["endpoint"] = "letters" },
        Wrong("its channel, endpoint or serial is another") { $0["serial"] = 8 },
        Wrong("serial: 0 is outside") { $0["serial"] = 0 },
        Wrong("serial: 9007199254740992 is outside") { $0["serial"] = 9_007_199_254_740_992 },
        Wrong("bundles: is missing") { $0["bundles"] = nil },
        Wrong("bundles: is empty") { $0["bundles"] = [] },
        Wrong("bundles: is no SHA-256 digest") { $0["bundles"] = ["AB"] },
        Wrong("bundles: holds more than 16 digests, or one twice") {
            $0["bundles"] = [.string(digest(1).hex), .string(digest(1).hex)]
        },
        Wrong("bundles: holds more than 16 digests, or one twice") {
            $0["bundles"] = .array((0...16).map { .string(digest($0).hex) })
        },
        Wrong("fallback: names a bundle of the deployment itself") { $0["fallback"] = [.string(digest(1).hex)] },
        Wrong("priority: 1000001 is outside") { $0["priority"] = 1_000_001 },
        Wrong("reason: is missing") { $0["reason"] = nil },
        Wrong("reason: must be a line") { $0["reason"] = "" },
        Wrong("reason: must be a line") { $0["reason"] = "a\u{1B}[2Jb" },
        Wrong("reason: must be a line") { $0["reason"] = "a\u{202E}b" },
        Wrong("author: must be a line") { $0["author"] = "a\nb" },
        Wrong("waves: names one wave twice") {
            $0["waves"] = [["name": "a", "percent": 1], ["name": "a", "percent": 2]]
        },
        Wrong("waves[0]: needs exactly one of") { $0["waves"] = [["name": "a"]] },
        Wrong("waves[0]: needs exactly one of") { $0["waves"] = [["name": "a", "percent": 1, "devices": ["b"]]] },
        Wrong("waves[0].percent: 101.0 is outside") { $0["waves"] = [["name": "a", "percent": 101]] },
        Wrong("waves[0].percent: -1.0 is outside") { $0["waves"] = [["name": "a", "percent": -1]] },
        Wrong("waves[0].percent: is no multiple of 0.001") {
            $0["waves"] = [["name": "a", "percent": .number((try? JSONNumber(0.0005)) ?? JSONNumber(0))]]
        },
        Wrong("waves[0].devices: is no list") { $0["waves"] = [["name": "a", "devices": []]] },
        Wrong("waves[0].devices: is no list") { $0["waves"] = [["name": "a", "devices": ["a b"]]] },
        Wrong("waves[0].name: is no endpoint's name") { $0["waves"] = [["name": "A b", "percent": 1]] },
        Wrong("waves[0].notBefore: is no time") {
            $0["waves"] = [["name": "a", "percent": 1, "notBefore": "tomorrow"]]
        },
        Wrong("waves: holds more than 64 entries") {
            $0["waves"] = .array((0...64).map { ["name": .string("w\($0)"), "percent": 1] })
        },
        Wrong("gates.backtest: sets no limit") { $0["gates"] = ["backtest": ["minimumRecords": 1]] },
        Wrong("gates.soak.seconds: 2592001 is outside") { $0["gates"] = ["soak": ["seconds": 2_592_001]] },
        Wrong("gates.thresholds[0].maximum: is missing") {
            $0["gates"] = ["thresholds": [["measure": "crashes", "minimumSamples": 1]]]
        },
        Wrong("minimumVersion: is no version") { $0["minimumVersion"] = "v3" },
        Wrong("interfaceChange: can only be") { $0["interfaceChange"] = "forbidden" },
        Wrong("windows[0]: names no day") {
            $0["windows"] = [["days": [], "from": "01:00", "to": "02:00", "zone": "utc"]]
        },
        Wrong("windows[0]: names no day, or is empty") {
            $0["windows"] = [["days": ["mon"], "from": "01:00", "to": "01:00", "zone": "utc"]]
        },
        Wrong("windows[0]: names no day, or is empty") {
            $0["windows"] = [["days": ["mon"], "from": "24:00", "to": "01:00", "zone": "utc"]]
        },
        Wrong("windows[0].to: is no time of day") {
            $0["windows"] = [["days": ["mon"], "from": "01:00", "to": "24:01", "zone": "utc"]]
        },
        Wrong("windows[0].from: is no time of day") {
            $0["windows"] = [["days": ["mon"], "from": "1:00", "to": "02:00", "zone": "utc"]]
        },
        Wrong("selector: needs exactly one of") { $0["selector"] = ["label": "a"] },
        Wrong("selector: needs exactly one of") { $0["selector"] = ["label": "a", "equals": "b", "exists": true] },
        Wrong("selector.any: is empty") { $0["selector"] = ["any": []] },
        Wrong("selector.in: needs 1 to 256 values") { $0["selector"] = ["label": "a", "in": []] },
        Wrong("selector.exists: must be true") { $0["selector"] = ["label": "a", "exists": false] },
        Wrong("selector.label: is no label's name") { $0["selector"] = ["label": "A", "exists": true] },
        Wrong("has too many clauses or levels") {
            $0["selector"] = (0..<8).reduce(["label": "a", "exists": true] as JSONValue) { inner, _ in ["not": inner] }
        },
        Wrong("set: lacks this endpoint, or names other bundles") { $0["set"] = ["id": "a", "members": []] },
        Wrong("freshnessSeconds: 0 is outside") { $0["freshnessSeconds"] = 0 },
        Wrong("deadlineSeconds: 0 is outside") { $0["deadlineSeconds"] = 0 },
    ])
    func refusesWhatContradictsTheFormat(_ wrong: Wrong) throws {
        let bytes = try edited(try deployment().encoded(), wrong.edit)
        let place = try location()
        let error = #expect(throws: DocumentError.self) { try Deployment.parse(bytes, at: place) }
        #expect(error?.message.contains(wrong.problem) == true, "\(error?.message ?? "")")
        #expect(error?.result.code == "incompatible(deployment: malformed)")
    }

    @Test func refusesBytesThatAreNotCanonical() throws {
        let deployment = try deployment()
        let value = try JSONValue.parse(try deployment.encoded(), limits: .document)
        let error = #expect(throws: DocumentError.self) {
            try Deployment.parse(value.prettyBytes(), at: deployment.location)
        }
        #expect(error?.message.contains("it is not in canonical form") == true)
    }

    @Test func refusesADocumentOverItsLimit() throws {
        let place = try location()
        let error = #expect(throws: DocumentError.self) {
            try Deployment.parse(Array(repeating: 0x20, count: 1 << 20 + 1), at: place)
        }
        #expect(error?.message.contains("more than the limit of 1048576") == true)
    }

    struct Contradiction: Sendable, CustomTestStringConvertible {
        let problem: String
        let change: @Sendable (inout Deployment) throws -> Void

        init(_ problem: String, change: @escaping @Sendable (inout Deployment) throws -> Void) {
            self.problem = problem
            self.change = change
        }

        var testDescription: String { problem }
    }

    /// What a tool could ask for and must not publish.
    @Test(arguments: [
        Contradiction("bundles: is empty") { $0.state = .bundles([]) },
        Contradiction("bundles: names one twice") { $0.state = .bundles([digest(1), digest(1)]) },
        Contradiction("fallback: names a bundle") { $0.fallback = [digest(1)] },
        Contradiction("waves: names one wave twice") {
            $0.waves = [Wave(name: "a", members: .percent(.all)), Wave(name: "a", members: .percent(.all))]
        },
        Contradiction("waves: holds a name that is none") { $0.waves = [Wave(name: "", members: .percent(.all))] },
        Contradiction("reason: is no line of text") { $0.reason = "" },
        Contradiction("author: is no line of text") { $0.author = "\u{7}" },
        Contradiction("set: lacks this endpoint") { $0.set = UpdateSet(identifier: "a", members: []) },
    ])
    func doesNotWriteAContradiction(_ contradiction: Contradiction) throws {
        let deployment = try deployment { try contradiction.change(&$0) }
        let error = #expect(throws: DocumentError.self) { try deployment.encoded() }
        #expect(error?.message.contains(contradiction.problem) == true, "\(error?.message ?? "")")
    }

    /// Cut and damaged bytes end in an answer, never in a trap.
    @Test func answersToDamagedBytes() throws {
        let all = try everything()
        let bytes = try all.encoded()
        var read = 0
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= UInt8(truncatingIfNeeded: 1 << (index % 7))
            if (try? Deployment.parse(damaged, at: all.location)) == all { read += 1 }
            #expect(throws: DocumentError.self) { try Deployment.parse(Array(bytes[..<index]), at: all.location) }
        }
        #expect(read == 0)
    }
}
