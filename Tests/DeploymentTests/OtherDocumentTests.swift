import Deployment
import Digest
import JSON
import Testing

private func place() throws -> RolloutLocation {
    RolloutLocation(channel: .prod, endpoint: try #require(EndpointName("digits")))
}

@Suite struct RolloutDocumentTests {
    private func rollout() throws -> Rollout {
        Rollout(location: try place(), deployment: digest(1), serial: 7, epoch: 3, state: .paused, openWave: "lab")
    }

    @Test func readsBackWhatItWrites() throws {
        var full = try rollout()
        full.completed = [Rollout.Completed(deployment: digest(2), serial: 6)]
        full.reason = "looking at it"
        for rollout in [try rollout(), full] {
            #expect(try Rollout.parse(try rollout.encoded(), at: try place()) == rollout)
        }
        #expect(try JSONValue.parse(try full.encoded(), limits: .document)["requires"] == ["completed"])
        #expect(try JSONValue.parse(try rollout().encoded(), limits: .document)["requires"] == [])
    }

    @Test(
        arguments: [
            ("epoch", 0, "epoch: 0 is outside"), ("serial", 0, "serial: 0 is outside"),
            ("deployment", "x", "deployment: is no SHA-256 digest"),
            ("openWave", "", "openWave: is no endpoint's name"),
            ("channel", "dev", "its channel or endpoint is another"),
            ("endpoint", "x", "its channel or endpoint is another"),
            ("requires", ["moon"], "requires moon, unknown here"), ("state", "resting", "requires state.resting"),
            ("reason", "a\nb", "reason: must be a line"),
        ] as [(String, JSONValue, String)]
    )
    func saysWhatIsWrong(_ key: String, _ value: JSONValue, _ problem: String) throws {
        let bytes = try edited(try rollout().encoded()) { $0[key] = value }
        let error = try #require(throws: DocumentError.self) { try Rollout.parse(bytes, at: try place()) }
        #expect(error.message.contains(problem), "\(error.message)")
        #expect(error.kind == .rollout)
    }
}

@Suite struct RevocationsTests {
    private let revocations = Revocations([
        digest(1): .init(action: .refuse, reason: "old library"),
        digest(2): .init(action: .stop, reason: "leaks data"),
        digest(3): .init(action: .replace(by: digest(4)), reason: "wrong labels"),
    ])

    @Test func readsBackWhatItWrites() throws {
        #expect(try Revocations.parse(try revocations.encoded()) == revocations)
        #expect(text(try Revocations().encoded()) == #"{"requires":[],"revoked":[],"schema":1}"#)
    }

    private static let one = JSONValue.string(digest(1).hex)
    private static let wrong: [(JSONValue, String)] = [
        ([["action": "refuse", "digest": "x", "reason": "a"]], "digest: is no SHA-256 digest"),
        ([["action": "refuse", "digest": one]], "reason: is missing"),
        ([["action": "replace", "digest": one, "reason": "a"]], "by: is missing"),
        ([["action": "quarantine", "digest": one, "reason": "a"]], "requires action.quarantine"),
        ([["action": "replace", "by": one, "digest": one, "reason": "a"]], "by: is the bundle itself"),
        (
            .array(Array(repeating: ["action": "stop", "digest": one, "reason": "a"], count: 2)),
            "digest: stands twice"
        ),
        ("none", "expected an array"),
    ]

    @Test(arguments: wrong)
    func saysWhatIsWrong(_ value: JSONValue, _ problem: String) throws {
        let bytes = try edited(try revocations.encoded()) { $0["revoked"] = value }
        let error = try #require(throws: DocumentError.self) { try Revocations.parse(bytes) }
        #expect(error.message.contains(problem), "\(error.message)")
        let missing = try edited(try revocations.encoded()) { $0["revoked"] = nil }
        #expect(throws: DocumentError.self) { try Revocations.parse(missing) }
    }

    @Test(
        arguments: [
            (0, .none), (1, .serveOn(reason: "old library")), (2, .stop(reason: "leaks data")),
            (3, .replace(by: digest(4), reason: "wrong labels")), (4, .none),
        ] as [(Int, RevocationEffect)]
    )
    func saysWhatBecomesOfTheRunningBundle(_ number: Int, _ expected: RevocationEffect) {
        #expect(revocations.effect(onRunning: digest(number)) == expected)
        #expect(revocations.forbids(digest(number)) == (expected != .none))
    }

    private static func chain(_ links: [Int: Int], refused: [Int] = []) -> Revocations {
        var entries: [SHA256Digest: Revocations.Entry] = [:]
        for (from, to) in links { entries[digest(from)] = .init(action: .replace(by: digest(to)), reason: "r") }
        for number in refused { entries[digest(number)] = .init(action: .refuse, reason: "r") }
        return Revocations(entries)
    }

    @Test(
        arguments: [
            ([1: 2], [], 2), ([1: 2, 2: 3], [], 3), ([1: 2, 2: 3, 3: 4], [], 4), ([1: 2], [2], nil),
            ([1: 2, 2: 1], [], nil), ([1: 2, 2: 3, 3: 2], [], nil), ([2: 3], [], nil),
        ] as [([Int: Int], [Int], Int?)]
    )
    func followsAChainOfReplacementsToItsEnd(_ links: [Int: Int], _ refused: [Int], _ end: Int?) {
        let revocations = Self.chain(links, refused: refused)
        #expect(revocations.replacement(for: digest(1)) == end.map { digest($0) })
        let effect = revocations.effect(onRunning: digest(1))
        let isRevoked = links[1] != nil
        #expect(
            effect == (end.map { .replace(by: digest($0), reason: "r") } ?? (isRevoked ? .serveOn(reason: "r") : .none))
        )
    }
}

@Suite struct AcceptanceTests {
    private func acceptance(
        _ metric: Acceptance.Metric = .accuracy,
        _ bar: Acceptance.Bar = .init(absolute: 0.9)
    ) throws -> Acceptance {
        Acceptance(
            location: AcceptanceLocation(endpoint: try #require(EndpointName("digits")), version: 4),
            metric: metric,
            bar: bar,
            data: digest(8),
            dataBytes: 1000,
            records: 200
        )
    }

    @Test(arguments: [
        Acceptance.Metric.accuracy, .f1, .mae, .rmse, .function("score.precision_at_5", moreIsBetter: true),
    ])
    func readsBackWhatItWrites(_ metric: Acceptance.Metric) throws {
        var acceptance = try acceptance(metric, .init(absolute: 0.9, againstIncumbent: -0.01))
        acceptance.output = "label"
        #expect(try Acceptance.parse(try acceptance.encoded(), at: acceptance.location) == acceptance)
    }

    @Test(
        arguments: [
            ("metric", ["name": "auc"], "requires metric.auc"),
            ("metric", ["name": "score.auc"], "requires metric.score.auc"),
            ("metric", ["name": "a b"], "metric.name: is no metric's name"), ("bar", [:], "bar: sets no limit"),
            ("records", 0, "records: 0 is outside"), ("data", ["bytes": 1], "data.sha256: is missing"),
            ("version", 5, "its endpoint or version is another"), ("requires", ["moon"], "requires moon"),
        ] as [(String, JSONValue, String)]
    )
    func saysWhatIsWrong(_ key: String, _ value: JSONValue, _ problem: String) throws {
        let bytes = try edited(try acceptance().encoded()) { $0[key] = value }
        let place = try acceptance().location
        let error = try #require(throws: DocumentError.self) { try Acceptance.parse(bytes, at: place) }
        #expect(error.message.contains(problem), "\(error.message)")
    }

    @Test func doesNotWriteASetWithoutABar() throws {
        let acceptance = try acceptance(.mae, .init())
        #expect(throws: DocumentError.self) { try acceptance.encoded() }
    }

    struct Case: Sendable {
        let metric: Acceptance.Metric
        let bar: Acceptance.Bar
        let candidate: Double
        var records = 200
        var incumbent = Acceptance.Incumbent.none
        let expected: String
    }

    @Test(arguments: [
        Case(metric: .accuracy, bar: .init(absolute: 0.9), candidate: 0.9, expected: "passed"),
        Case(metric: .accuracy, bar: .init(absolute: 0.9), candidate: 0.899, expected: "failed"),
        Case(metric: .accuracy, bar: .init(absolute: 0.9), candidate: 0.95, records: 199, expected: "inconclusive"),
        Case(metric: .accuracy, bar: .init(absolute: 0.9), candidate: 0.1, records: 0, expected: "inconclusive"),
        Case(metric: .accuracy, bar: .init(absolute: 0.9), candidate: .nan, expected: "failed"),
        Case(metric: .mae, bar: .init(absolute: 2), candidate: 2, expected: "passed"),
        Case(metric: .mae, bar: .init(absolute: 2), candidate: 2.1, expected: "failed"),
        Case(metric: .rmse, bar: .init(absolute: 2), candidate: .infinity, expected: "failed"),
        Case(metric: .f1, bar: .init(againstIncumbent: 0), candidate: 0.5, expected: "passed"),
        Case(
            metric: .f1,
            bar: .init(againstIncumbent: 0),
            candidate: 0.5,
            incumbent: .measured(0.5),
            expected: "passed"
        ),
        Case(
            metric: .f1,
            bar: .init(againstIncumbent: 0),
            candidate: 0.49,
            incumbent: .measured(0.5),
            expected: "failed"
        ),
        Case(
            metric: .f1,
            bar: .init(againstIncumbent: 0.25),
            candidate: 0.25,
            incumbent: .measured(0.5),
            expected: "passed"
        ),
        Case(
            metric: .f1,
            bar: .init(againstIncumbent: -0.25),
            candidate: 0.5,
            incumbent: .measured(0.5),
            expected: "failed"
        ),
        Case(
            metric: .mae,
            bar: .init(againstIncumbent: 0.5),
            candidate: 2.5,
            incumbent: .measured(2),
            expected: "passed"
        ),
        Case(
            metric: .mae,
            bar: .init(againstIncumbent: 0.5),
            candidate: 2.6,
            incumbent: .measured(2),
            expected: "failed"
        ),
        Case(
            metric: .f1,
            bar: .init(againstIncumbent: 0),
            candidate: 1,
            incumbent: .notMeasured,
            expected: "inconclusive"
        ),
        Case(
            metric: .f1,
            bar: .init(againstIncumbent: 0),
            candidate: 1,
            incumbent: .measured(.nan),
            expected: "inconclusive"
        ),
        Case(
            metric: .f1,
            bar: .init(absolute: 0.9, againstIncumbent: 1),
            candidate: 0.8,
            incumbent: .notMeasured,
            expected: "failed"
        ),
        Case(
            metric: .function("a.b", moreIsBetter: false),
            bar: .init(absolute: 1),
            candidate: 2,
            expected: "failed"
        ),
        Case(
            metric: .function("a.b", moreIsBetter: true),
            bar: .init(absolute: 1),
            candidate: 2,
            expected: "passed"
        ),
    ])
    func judgesACandidate(_ test: Case) throws {
        let outcome = try acceptance(test.metric, test.bar).judge(
            candidate: test.candidate,
            records: test.records,
            incumbent: test.incumbent
        )
        #expect(outcome.word == test.expected, "\(outcome)")
    }
}
