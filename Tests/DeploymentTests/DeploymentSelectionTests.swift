import Deployment
import Digest
import JSON
import Testing

@Suite struct DeploymentSelectionTests {
    private func candidate(
        _ serial: Int,
        _ selector: String? = nil,
        priority: Int = 0,
        edit: ((inout JSONObject) -> Void)? = nil
    ) throws -> DeploymentCandidate {
        let deployment = try deployment(serial) {
            $0.selector = try selector.map { try Selector(text: $0) }
            $0.priority = priority
        }
        var bytes = try deployment.encoded()
        if let edit { bytes = try edited(bytes, edit) }
        return DeploymentCandidate(bytes, at: deployment.location)
    }

    private func select(
        _ candidates: [DeploymentCandidate],
        _ texts: [String: String] = ["site": "oslo"],
        accepted: AcceptedSerials = AcceptedSerials()
    ) throws -> (words: String, passed: [String]) {
        let selection = DeploymentSelection.select(among: candidates, labels: try labels(texts), accepted: accepted)
        return (selection.outcome.sentence, selection.passedOver.map { "\($0.serial): \($0.reason.sentence)" })
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let rows: [(serial: Int, selector: String?, priority: Int)]
        let outcome: String
        let passed: [String]

        init(_ rows: [(serial: Int, selector: String?, priority: Int)], _ outcome: String, _ passed: String...) {
            self.rows = rows
            self.outcome = outcome
            self.passed = passed
        }

        var testDescription: String { outcome }
    }

    @Test(arguments: [
        Case([], "no deployment is for this box"),
        Case([(1, nil, 0)], "deployment 1 is for this box: release 1"),
        Case([(1, "site=bergen", 0)], "no deployment is for this box", "1: site=bergen is not met: site is oslo"),
        Case([(1, nil, 0), (2, nil, 0)], "deployment 2 is for this box: release 2", "1: deployment 2 has replaced it"),
        Case([(2, nil, 0), (1, nil, 0)], "deployment 2 is for this box: release 2", "1: deployment 2 has replaced it"),
        Case(
            [(1, "site=oslo", 5), (2, nil, 0)],
            "deployment 1 is for this box: release 1",
            "2: deployment 1 has the higher priority 5"
        ),
        Case([(1, "site=oslo", 0), (2, nil, 0)], "deployments 1 and 2 have the same priority"),
        Case(
            [(1, "site=oslo", 0), (2, nil, 0), (3, "!lab", 1)],
            "deployment 3 is for this box: release 3",
            "2: deployment 3 has the higher priority 1",
            "1: deployment 3 has the higher priority 1"
        ),
        Case(
            [(1, "site=oslo", 3), (2, "!lab", 3), (3, nil, 2)],
            "deployments 1 and 2 have the same priority",
            "3: deployment 2 has the higher priority 3"
        ),
        Case(
            [(1, "site=oslo", 0), (2, "site=oslo", 1)],
            "deployment 2 is for this box: release 2",
            "1: deployment 2 has the higher priority 1"
        ),
        Case(
            [(1, "site=oslo", 1), (2, "site=oslo", 0)],
            "deployment 1 is for this box: release 1",
            "2: deployment 1 has the higher priority 1"
        ),
        Case([(1, nil, -5)], "deployment 1 is for this box: release 1"),
    ])
    func highestPriorityWinsAndATieIsAmbiguous(_ test: Case) throws {
        let candidates = try test.rows.map { try candidate($0.serial, $0.selector, priority: $0.priority) }
        let selected = try select(candidates)
        #expect(selected.words == test.outcome)
        #expect(selected.passed == test.passed)
    }

    private static let moon: @Sendable (inout JSONObject) -> Void = { $0["requires"] = ["moon"] }

    @Test func aDeploymentThatAsksForMoreCountsForItsAudienceOnly() throws {
        let older = try candidate(1)
        let newer = try candidate(2, edit: Self.moon)
        #expect(try select([older, newer]).words.contains("deployments/prod/digits/2.json requires moon"))
        #expect(try select([older, newer]).passed == ["1: deployment 2 has replaced it"])
        let elsewhere = try candidate(2, "site=bergen", edit: Self.moon)
        #expect(try select([older, elsewhere]).words == "deployment 1 is for this box: release 1")
        let weaker = try candidate(2, priority: -1, edit: Self.moon)
        #expect(try select([older, weaker]).words == "deployment 1 is for this box: release 1")
    }

    @Test(
        arguments: [
            { $0["requires"] = ["selector.regions"] }, { $0["schema"] = 2 },
            { $0["selector"] = ["label": "a", "near": "b"] }, { $0["reason"] = nil },
        ] as [@Sendable (inout JSONObject) -> Void]
    )
    func oneThatCannotBeReadAtAllBlocks(_ edit: @escaping @Sendable (inout JSONObject) -> Void) throws {
        let unreadable = try candidate(1, edit: edit)
        let selection = DeploymentSelection.select(
            among: [try candidate(2), unreadable],
            labels: Labels()
        )
        guard case .incompatible(serial: 1, _) = selection.outcome else {
            Issue.record("\(selection.outcome)")
            return
        }
        #expect(selection.outcome.result?.code.hasPrefix("incompatible(deployment: ") == true)
    }

    @Test(
        arguments: [
            (7, nil, 0, "no deployment"), (5, nil, 0, "deployment 6 is for"), (6, nil, 0, "deployment 6 is for"),
            (7, "site=oslo", 0, "deployment 6 is for"), (7, nil, 1, "deployment 6 is for"),
        ] as [(Int, String?, Int, String)]
    )
    func neverGoesBackForOneAudience(_ serial: Int, _ selector: String?, _ priority: Int, _ expected: String) throws {
        var accepted = AcceptedSerials()
        let audience = DeploymentAudience(selector: try selector.map { try Selector(text: $0) }, priority: priority)
        accepted.accept(serial, for: audience)
        accepted.accept(1, for: audience)
        let words = try select([try candidate(6)], accepted: accepted).words
        if expected == "no deployment" {
            #expect(words == "deployment 6 is older than deployment 7, which this box has accepted")
        } else {
            #expect(words.hasPrefix(expected))
        }
    }

    @Test func anAudienceIsItsSelectorAndPriority() throws {
        let texts: [String?] = [nil, "*", "a", "a,b", "b,a"]
        let audiences = try texts.flatMap { text in
            try [0, 1].map { DeploymentAudience(selector: try text.map { try Selector(text: $0) }, priority: $0) }
        }
        #expect(Set(audiences.map(\.digest)).count == audiences.count)
        // It is kept on disk: a change here would forget what boxes have accepted.
        #expect(audiences[2].digest == SHA256.digest(#"0 {"all":[]}"#.utf8))
    }

    @Test func namesTheBytesItRead() throws {
        let deployment = try deployment(3)
        let bytes = try deployment.encoded()
        let candidate = DeploymentCandidate(bytes, at: deployment.location)
        #expect(candidate.digest == SHA256.digest(bytes))
        #expect(candidate.content == .readable(deployment))
    }
}
