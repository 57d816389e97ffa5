import BundleManifest
import Deployment
import Digest
import Testing
import WallClock

@Suite struct ExplanationTests {
    /// Box on digits 2, deployment 7 wants digits 3, every rule permits.
    private func facts(_ change: (inout UpdateFacts) throws -> Void = { _ in }) throws -> UpdateFacts {
        let deployment = try deployment()
        let candidate = DeploymentCandidate(try deployment.encoded(), at: deployment.location)
        var facts = UpdateFacts(
            endpoint: deployment.location.endpoint,
            running: try running(9),
            clock: .trusted(try time("2027-01-04T12:00:00Z")),
            revocations: .read(Revocations()),
            selection: DeploymentSelection.select(among: [candidate], labels: Labels()),
            choice: BundleChoice(outcome: .chosen(digest(1), try manifest()), passedOver: [])
        )
        facts.rollout = .running(openWave: 0)
        facts.wave = .inOpenWave(name: "all")
        facts.gates = .probed(.passed)
        try change(&facts)
        return facts
    }

    @Test func goesWhereEveryRulePermits() throws {
        let explanation = Explanation(try facts())
        #expect(explanation.rules.map(\.rule) == Rule.allCases)
        #expect(explanation.rules.allSatisfy { $0.state == .permits && $0.stops == .nothing })
        #expect(explanation.deciding == nil)
        #expect(explanation.result == nil)
        #expect(explanation.mayPrepare && explanation.mayActivate)
        #expect(explanation.sentence == "digits goes to digits 3 by deployment 7")
    }

    struct No: Sendable, CustomTestStringConvertible {
        let rule: Rule
        let code: String?
        let mayPrepare: Bool
        let words: String
        let change: @Sendable (inout UpdateFacts) throws -> Void

        init(
            _ rule: Rule,
            _ code: String?,
            mayPrepare: Bool,
            _ words: String,
            change: @escaping @Sendable (inout UpdateFacts) throws -> Void
        ) {
            self.rule = rule
            self.code = code
            self.mayPrepare = mayPrepare
            self.words = words
            self.change = change
        }

        var testDescription: String { "\(rule): \(words)" }
    }

    private static let unreadable = DocumentError.requiresUnknown(
        .revocations,
        path: "revocations.json",
        features: ["moon"]
    )

    /// In the order of strength: design section 6.
    static let nos: [No] = [
        No(.revocation, "rejected", mayPrepare: false, "it is revoked: leaks") {
            $0.revocations = .read(Revocations([digest(1): .init(action: .refuse, reason: "leaks")]))
        },
        No(.revocation, "incompatible(revocations: moon)", mayPrepare: true, "requires moon") {
            $0.revocations = .unreadable(unreadable, lastRead: Revocations())
        },
        No(.ownRollback, "rejected", mayPrepare: false, "the probe refused it: too slow") {
            $0.retry = .refused(Verdict(judge: .probe, reason: "too slow"))
        },
        No(.ownRollback, "waitingFor(network)", mayPrepare: false, "the last try was stopped by the network") {
            $0.retry = .after(.seconds(30), .network)
        },
        No(.hold, "waitingFor(hold)", mayPrepare: true, "anna holds it: audit") {
            $0.holds = [Hold(who: "anna", reason: "audit")]
        },
        No(.rollout, "rejected", mayPrepare: false, "the rollout was aborted: errors") {
            $0.rollout = .aborted(reason: "errors")
        },
        No(.rollout, "waitingFor(rollout)", mayPrepare: true, "the rollout is paused") {
            $0.rollout = .paused(.byServer(reason: nil), openWave: 0)
        },
        No(.rollout, "waitingFor(rollout)", mayPrepare: false, "there is no rollout for this endpoint") {
            $0.rollout = .paused(.missing, openWave: nil)
        },
        No(.rollout, "waitingFor(rollout)", mayPrepare: false, "the rollout is paused") {
            $0.rollout = .paused(.byServer(reason: nil), openWave: 0)
            $0.wave = .notYet(wave: "rest")
        },
        No(.rollout, "waitingFor(wave)", mayPrepare: false, "this box is in wave rest, which is not open yet") {
            $0.wave = .notYet(wave: "rest")
        },
        No(.rollout, "waitingFor(wave)", mayPrepare: false, "no wave of the plan holds this box") {
            $0.wave = .inNoWave
        },
        No(.rollout, "waitingFor(wave)", mayPrepare: false, "no wave is open yet") { $0.wave = nil },
        No(.rollout, "waitingFor(wave)", mayPrepare: false, "wave rest starts at 1970-01-01T00:00:09Z") {
            $0.wave = .tooEarly(wave: "rest", notBefore: UTCTime(seconds: 9))
        },
        No(.rollout, "waitingFor(clock)", mayPrepare: false, "and the clock is not set") {
            $0.wave = .needsClock(wave: "rest", notBefore: UTCTime(seconds: 9))
        },
        No(.neighbourLock, "waitingFor(lock)", mayPrepare: true, "apt holds the lock until") {
            $0.locks = [NeighbourLock(holder: "apt", expires: UTCTime(seconds: .max))]
        },
        No(.window, "waitingFor(window)", mayPrepare: true, "the next window opens at") {
            $0.window = .closed(opens: UTCTime(seconds: 9))
        },
        No(.window, "waitingFor(window)", mayPrepare: true, "no window is as long") {
            $0.window = .neverFits(needed: .seconds(9), longest: .seconds(8))
        },
        No(.window, "waitingFor(clock)", mayPrepare: true, "windows are set, and the clock is not") {
            $0.window = .needsClock
        },
        No(.gates, "rejected", mayPrepare: false, "accuracy is 0.71") {
            $0.gates = .probed(.failed("accuracy is 0.71"))
        },
        No(.gates, "waitingFor(samples)", mayPrepare: true, "3 of 9 records") {
            $0.gates = .probed(.inconclusive("3 of 9 records"))
        },
        No(.freshness, "waitingFor(freshness)", mayPrepare: true, "the timestamp was verified 1 h ago") {
            $0.freshness = .stale(age: .seconds(3600), limit: .seconds(1800))
        },
        No(.resources, "waitingFor(disk)", mayPrepare: false, "2 GB are missing") {
            $0.shortages = [
                Shortage(reason: .memory, stops: .activation, sentence: "no memory for two"),
                Shortage(reason: .disk, stops: .everything, sentence: "2 GB are missing"),
            ]
        },
        No(.resources, "waitingFor(memory)", mayPrepare: true, "no memory for two") {
            $0.shortages = [Shortage(reason: .memory, stops: .activation, sentence: "no memory for two")]
        },
    ]

    @Test(arguments: nos)
    func oneNoDecides(_ no: No) throws {
        let explanation = Explanation(try facts(no.change))
        let deciding = try #require(explanation.deciding)
        #expect(deciding.rule == no.rule)
        #expect(deciding.sentence.contains(no.words), "\(deciding.sentence)")
        #expect(explanation.result?.code == no.code)
        #expect(explanation.mayPrepare == no.mayPrepare)
        #expect(!explanation.mayActivate)
        #expect(explanation.rules.filter { $0.state != .permits }.map(\.rule) == [no.rule])
        #expect(
            explanation.sentence.hasPrefix("digits stays on digits 2 and does not go to digits 3 of deployment 7: ")
        )
    }

    /// Every pair of rules: the stronger one decides, the weaker one is shown with its own state.
    @Test func theStrongerOfTwoDecides() throws {
        for strong in Self.nos {
            for weak in Self.nos where strength(weak.rule) > strength(strong.rule) {
                let explanation = Explanation(
                    try facts {
                        try weak.change(&$0)
                        try strong.change(&$0)
                    }
                )
                #expect(explanation.deciding?.rule == strong.rule, "\(strong.words) over \(weak.words)")
                #expect(explanation.mayPrepare == (strong.mayPrepare && weak.mayPrepare))
                let state = explanation.rules.first { $0.rule == weak.rule }?.state
                #expect(state == .waits || state == .refuses)
            }
        }
    }

    private func strength(_ rule: Rule) -> Int { Rule.allCases.firstIndex(of: rule) ?? 0 }

    @Test func whatIsNotProbedYetIsPreparedAndNotActivated() throws {
        let explanation = Explanation(try facts { $0.gates = .notProbed })
        #expect(explanation.rules.first { $0.rule == .gates }?.state == .pending)
        #expect(explanation.mayPrepare && !explanation.mayActivate)
        #expect(explanation.result == nil)
    }

    struct Nothing: Sendable {
        let code: String
        let sentence: String
        let change: @Sendable (inout UpdateFacts) throws -> Void
    }

    @Test(arguments: [
        Nothing(code: "noDeployment", sentence: "digits stays on digits 2: no deployment is for this box") {
            $0.selection = DeploymentSelection.select(among: [], labels: Labels())
            $0.choice = nil
        },
        Nothing(code: "noDeployment", sentence: "digits has no bundle: no deployment is for this box") {
            $0.selection = DeploymentSelection.select(among: [], labels: Labels())
            $0.running = nil
        },
        Nothing(code: "alreadyInstalled", sentence: "digits stays on digits 2: what is wanted runs already") {
            $0.choice = BundleChoice(outcome: .alreadyInstalled(digest(9)), passedOver: [])
        },
        Nothing(
            code: "waitingFor(network)",
            sentence: "digits stays on digits 2: the manifest of \(digest(1).short) is not here yet"
        ) { $0.choice = BundleChoice(outcome: .undecided(missing: digest(1)), passedOver: []) },
        Nothing(
            code: "incompatible(bundle: aarch64)",
            sentence: "digits stays on digits 2: \(digest(1).short) is not for this box: "
                + "it is for aarch64, this box is x86_64"
        ) {
            let arm = try manifest { $0.platform.architecture = .arm64 }
            $0.choice = BundleChoice.choose(
                for: try deployment(),
                BundleChoice.Facts(box: box, manifests: [digest(1): .read(arm)])
            )
        },
        Nothing(
            code: "rejected",
            sentence: "digits stays on digits 2: \(digest(1).short) is not for this box: it is revoked: leaks; "
                + "what runs is revoked and stops: leaks too"
        ) {
            let revocations = Revocations([
                digest(1): .init(action: .refuse, reason: "leaks"),
                digest(9): .init(action: .stop, reason: "leaks too"),
            ])
            $0.revocations = .read(revocations)
            $0.choice = BundleChoice.choose(
                for: try deployment(),
                BundleChoice.Facts(box: box, manifests: [:], revocations: revocations)
            )
        },
    ])
    func asksNoRuleWhereNothingIsWanted(_ test: Nothing) throws {
        let explanation = Explanation(try facts(test.change))
        #expect(explanation.wanted == .nothing(try #require(UpdateResult(code: test.code))))
        #expect(explanation.result?.code == test.code)
        #expect(explanation.sentence == test.sentence)
        #expect(explanation.rules.allSatisfy { $0.state == .notAsked })
        #expect(!explanation.mayPrepare && !explanation.mayActivate)
    }

    @Test func aRemovalIsAskedAboutLikeAnUpdateButNotProbed() throws {
        let removal = try deployment { $0.state = .absent }
        let candidate = DeploymentCandidate(try removal.encoded(), at: removal.location)
        func explain(_ change: (inout UpdateFacts) -> Void = { _ in }) throws -> Explanation {
            Explanation(
                try facts {
                    $0.selection = DeploymentSelection.select(among: [candidate], labels: Labels())
                    $0.choice = BundleChoice(outcome: .absent, passedOver: [])
                    $0.gates = .notProbed
                    change(&$0)
                }
            )
        }
        #expect(try explain().mayActivate)
        #expect(try explain().sentence == "digits is taken away by deployment 7")
        let held = try explain { $0.holds = [Hold(who: "anna", reason: "audit")] }
        #expect(held.sentence == "digits stays on digits 2 and is not taken away by deployment 7: anna holds it: audit")
        #expect(try explain { $0.running = nil }.result == .alreadyInstalled)
    }

    @Test func namesTheRuleThatEachCandidateDidNotMeet() throws {
        let texts: [String?] = [nil, "site=bergen"]
        let candidates = try texts.enumerated().map { index, selector in
            let deployment = try deployment(index + 7) { $0.selector = try selector.map { try Selector(text: $0) } }
            return DeploymentCandidate(try deployment.encoded(), at: deployment.location)
        }
        let explanation = Explanation(
            try facts {
                $0.selection = DeploymentSelection.select(among: candidates, labels: Labels())
                let manifests: [SHA256Digest: ManifestReading] = [
                    digest(1): .read(try manifest { $0.platform.accelerator = "cuda12" }),
                    digest(2): .read(try manifest()),
                ]
                let facts = BundleChoice.Facts(box: box, manifests: manifests)
                $0.choice = BundleChoice.choose(for: try deployment(bundles: [1, 2]), facts)
            }
        )
        #expect(
            explanation.passedOver.map { "\($0.subject): \($0.sentence)" } == [
                "deployment 8: site=bergen is not met: site is not set",
                "\(digest(1).short): it needs cuda12, which this box lacks",
            ]
        )
        #expect(explanation.mayActivate)
    }

    @Test func saysWhatBecomesOfARevokedBundleThatRuns() throws {
        let stopped = Explanation(
            try facts { $0.revocations = .read(Revocations([digest(9): .init(action: .stop, reason: "leaks")])) }
        )
        #expect(stopped.running == .stop(reason: "leaks"))
        #expect(stopped.mayActivate)
        #expect(stopped.sentence.hasSuffix("; what runs is revoked and stops: leaks"))
    }
}
