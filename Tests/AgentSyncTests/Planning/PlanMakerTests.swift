import BundleManifest
import Deployment
import Digest
import EdgeAgent
import JSON
import Testing
import WallClock

@testable import AgentSync

@Suite struct PlanMakerTests {
    private var scene: PlanScene

    init() throws { scene = try PlanScene() }

    /// A wave of other boxes, then one of all.
    private func canary(_ deployment: inout Deployment) throws {
        deployment.waves = [
            Wave(name: "canary", members: .devices([try #require(DeviceID("other"))])),
            Wave(name: "all", members: .percent(.all)),
        ]
    }

    @Test func nothingIsWantedWhereNothingIsDeployed() throws {
        var scene = scene
        let plan = try scene.plan()
        #expect(plan.kind == "noDeployment")
        #expect(plan.sentence == "digits has no bundle: no deployment is for this box")
        #expect(!plan.mayPrepare && plan.deployment == nil)
    }

    @Test func aDeploymentIsFollowed() throws {
        var scene = scene
        try scene.deploy(1, [2]) {
            $0.fallback = [PlanScene.digest(1)]
            $0.deadlineSeconds = 600
            $0.freshnessSeconds = 60
        }
        let plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.wantedNumber == 2)
        #expect(plan.mayPrepare && plan.waiting == nil && plan.withdrawal == nil && !plan.stopsRunning)
        #expect(plan.title == "digits 2" && plan.installBytes == 2010 && plan.memoryBytes == 64 << 20)
        #expect(plan.deployment == "deployments/prod/digits/1.json" && plan.freshnessSeconds == 60)
        #expect(plan.sentence == "digits goes to digits 2 by deployment 1")
        guard case .bundle(let candidate) = plan.wanted else { return }
        #expect(candidate.serial == 1 && candidate.deadline == .seconds(600))
        #expect(candidate.fallbacks == [PlanScene.digest(1)])
    }

    @Test func whatIsWantedRuns() throws {
        var scene = scene
        try scene.deploy(2, [2])
        try scene.run(2, serial: 1)
        let plan = try scene.plan()
        #expect(plan.kind == "installed" && plan.wantedNumber == 2)
        // The newer deployment asks for the same bundle: it is its serial that counts from now on.
        guard case .installed(let candidate) = plan.wanted else { return }
        #expect(candidate.serial == 2)
    }

    // MARK: rollout and waves

    @Test func withoutARolloutNothingBegins() throws {
        var scene = scene
        try scene.deploy(1, [2])
        scene.rollout = nil
        let plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.waiting == .rollout && !plan.mayPrepare)
    }

    @Test func aPausedRolloutLetsTheBoxPrepareAndNoMore() throws {
        var scene = scene
        try scene.deploy(1, [2])
        try scene.roll(1, .paused, open: "all")
        let plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.waiting == .rollout && plan.mayPrepare)
    }

    @Test func aBoxWaitsForItsWave() throws {
        var scene = scene
        try scene.deploy(1, [2]) { try canary(&$0) }
        try scene.roll(1, .running, open: "canary")
        var plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.waiting == .wave && !plan.mayPrepare)
        try scene.roll(1, .running, open: "all", epoch: 2)
        plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.waiting == nil && plan.mayPrepare)
    }

    @Test func aBoxThatWasNeverHereBeforeJoinsTheOpenWave() throws {
        var scene = scene
        scene.memory = SyncMemory()
        try scene.deploy(1, [2]) { try canary(&$0) }
        try scene.roll(1, .running, open: "canary")
        #expect(try scene.plan().mayPrepare)
        // One with a bundle is no late joiner.
        scene.memory = SyncMemory()
        try scene.run(1, serial: 1)
        #expect(try !scene.plan().mayPrepare)
    }

    @Test func aWaveThatStartsAtATimeNeedsAClock() throws {
        var scene = scene
        try scene.deploy(1, [2]) {
            let later = PlanScene.now.advanced(by: .seconds(60))
            $0.waves = [Wave(name: "all", members: .percent(.all), notBefore: later)]
        }
        #expect(try scene.plan().waiting == .wave)
        scene.clock = .untrusted(floor: PlanScene.now)
        #expect(try scene.plan().waiting == .clock)
        scene.clock = .trusted(PlanScene.now.advanced(by: .seconds(60)))
        #expect(try scene.plan().waiting == nil)
    }

    @Test func anEpochThatFallsCountsAsAPause() throws {
        var scene = scene
        try scene.deploy(1, [2])
        try scene.roll(1, .running, open: "all", epoch: 5)
        #expect(try scene.plan().waiting == nil)
        try scene.roll(1, .running, open: "all", epoch: 4)
        let plan = try scene.plan()
        #expect(plan.waiting == .rollout && plan.sentence.contains("epoch fell from 5 to 4"))
    }

    // MARK: what can't be followed

    @Test func anUnknownFeatureIsNamed() throws {
        var scene = scene
        try scene.run(1, serial: 1)
        try scene.deploy(2, [2]) {
            $0.windows = [try #require(UpdateWindow(days: [.mon], from: 0, to: 60, zone: .utc))]
        }
        var plan = try scene.plan()
        #expect(plan.kind == "incompatible(deployment: window)" && !plan.mayPrepare)
        #expect(plan.sentence.contains("requires window"))
        // Containment can't be told before a launcher says what it applies.
        scene.deployments = []
        try scene.deploy(3, [2]) { $0.containment = [.seccomp] }
        plan = try scene.plan()
        #expect(plan.kind == "incompatible(deployment: containment)")
        // A deployment for other boxes may ask for what it likes.
        scene.deployments = []
        try scene.deploy(4, [2]) {
            $0.containment = [.seccomp]
            $0.selector = try #require(try? Selector(text: "site=oslo"))
        }
        #expect(try scene.plan().kind == "noDeployment")
    }

    @Test func aDeploymentForAnotherPlatformIsNamed() throws {
        var scene = scene
        try scene.deploy(1, [2])
        let platform = Platform(architecture: .arm64, glibc: GlibcVersion(2, 28))
        scene.manifests[PlanScene.digest(2)] = .read(try PlanScene.manifest(2, platform: platform))
        let plan = try scene.plan()
        #expect(plan.kind == "incompatible(bundle: \(Platform.Architecture.arm64.rawValue))")
        #expect(plan.sentence.contains("it is for"))
    }

    @Test func theFirstVariantThatFitsIsTakenOnce() throws {
        var scene = scene
        try scene.deploy(1, [3, 2])
        let platform = Platform(architecture: .amd64, glibc: GlibcVersion(2, 28), python: "cp312")
        scene.manifests[PlanScene.digest(3)] = .read(try PlanScene.manifest(3, platform: platform))
        #expect(try scene.plan().wantedNumber == 2)
        // A box that gets that Python later keeps to its choice.
        scene.capabilities.pythons = ["cp312"]
        #expect(try scene.plan().wantedNumber == 2)
    }

    @Test func aManifestThatIsNotHereIsWaitedFor() throws {
        var scene = scene
        try scene.deploy(1, [2])
        scene.manifests[PlanScene.digest(2)] = nil
        let plan = try scene.plan()
        #expect(plan.kind == "waitingFor(network)" && plan.sentence.contains("is not here yet"))
    }

    @Test func anAcceptanceSetMustBeThereAndReadable() throws {
        var scene = scene
        let location = AcceptanceLocation(endpoint: scene.endpoint, version: 1)
        let acceptance = Acceptance(
            location: location,
            metric: .accuracy,
            bar: .init(absolute: 0.9),
            data: PlanScene.digest(0),
            dataBytes: 10,
            records: 5
        )
        let digest = SHA256.digest(try acceptance.encoded())
        try scene.deploy(1, [2]) { $0.gates.acceptance = .init(version: 1, digest: digest) }
        #expect(try scene.plan().kind == "waitingFor(network)")
        scene.acceptances[digest] = .unreadable(
            .requiresUnknown(.acceptance, path: location.path, features: ["metric.recall"])
        )
        #expect(try scene.plan().kind == "incompatible(acceptance: metric.recall)")
        scene.acceptances[digest] = .read(acceptance)
        #expect(try scene.plan().kind == "bundle")
    }

    @Test func twoOfTheHighestPriorityChangeNothing() throws {
        var scene = scene
        try scene.run(1, serial: 1)
        scene.box.labels = try #require(Labels(["site": "oslo", "role": "lab"]))
        try scene.deploy(2, [2]) { $0.selector = try #require(try? Selector(text: "site=oslo")) }
        try scene.deploy(3, [3]) { $0.selector = try #require(try? Selector(text: "role=lab")) }
        #expect(try scene.plan().kind == "ambiguous")
    }

    @Test func serialsAndFloorsNeverFall() throws {
        var scene = scene
        try scene.deploy(5, [4]) { $0.minimumVersion = BundleVersion("3") }
        #expect(try scene.plan().wantedNumber == 4)
        scene.deployments = []
        try scene.deploy(4, [3])
        var plan = try scene.plan()
        #expect(plan.kind == "noDeployment" && plan.sentence.contains("older than deployment 5"))
        scene.deployments = []
        try scene.deploy(6, [2])
        plan = try scene.plan()
        #expect(plan.kind == "rejected" && plan.sentence.contains("below the floor of 3"))
    }

    // MARK: revocations

    @Test func aRevokedBundleIsNotTaken() throws {
        var scene = scene
        try scene.deploy(1, [2])
        scene.revoke([2: .refuse])
        scene.attempt(2, serial: 1, .download)
        let plan = try scene.plan()
        #expect(plan.kind == "rejected" && plan.withdrawal == .revoked)
        #expect(plan.sentence.contains("it is revoked: it leaks"))
    }

    @Test func whatRunsStopsWhereARevocationSaysSo() throws {
        var scene = scene
        try scene.deploy(1, [2])
        try scene.run(2, serial: 1)
        scene.revoke([2: .refuse])
        #expect(try !scene.plan().stopsRunning)
        scene.situation.installed = [PlanScene.digest(2), PlanScene.digest(3)]
        #expect(try scene.plan().revoked == [PlanScene.digest(2)])
        scene.revoke([3: .refuse, 4: .refuse])
        #expect(try scene.plan().revoked == [PlanScene.digest(3)])
        scene.revoke([2: .stop])
        let plan = try scene.plan()
        #expect(plan.stopsRunning && plan.sentence.contains("is revoked and stops"))
    }

    @Test func whatRunsIsReplacedWhereverTheRolloutStands() throws {
        var scene = scene
        try scene.deploy(1, [2])
        try scene.run(2, serial: 1)
        try scene.deploy(2, [4]) { try canary(&$0) }
        try scene.roll(2, .running, open: "canary")
        scene.revoke([2: .replace(by: PlanScene.digest(3))])
        var plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.wantedNumber == 3 && plan.mayPrepare && plan.waiting == nil)
        #expect(plan.sentence.contains("in the place of digits 2"))
        // A deployment that may be followed now goes first.
        try scene.roll(2, .running, open: "all", epoch: 2)
        plan = try scene.plan()
        #expect(plan.wantedNumber == 4)
    }

    @Test func withRevocationsThatCannotBeReadNothingNewActivates() throws {
        var scene = scene
        try scene.deploy(1, [2])
        let error = DocumentError.requiresUnknown(.revocations, path: Revocations.path, features: ["action.wipe"])
        scene.revocations = .unreadable(error, lastRead: Revocations())
        var plan = try scene.plan()
        #expect(plan.kind == "incompatible(revocations: action.wipe)" && !plan.mayPrepare)
        // What was known to be revoked stays so.
        scene.revoke([2: .stop])
        _ = try scene.plan()
        try scene.run(2, serial: 1)
        scene.revocations = .unreadable(error, lastRead: scene.memory.revocations)
        plan = try scene.plan()
        #expect(plan.stopsRunning)
    }

    // MARK: aborts

    private func aborted(_ change: (inout PlanScene) throws -> Void = { _ in }) throws -> PlanScene {
        var scene = scene
        try scene.run(1, serial: 1)
        try scene.deploy(2, [3]) { $0.fallback = [PlanScene.digest(2)] }
        try scene.roll(2, .aborted, open: nil)
        try change(&scene)
        return scene
    }

    @Test func anAbortLeavesABoxThatHadNotBegun() throws {
        var scene = try aborted()
        let plan = try scene.plan()
        #expect(plan.kind == "rejected" && plan.withdrawal == nil)
        #expect(plan.sentence == "digits stays on digits 1: the rollout was aborted: it answers nonsense")
    }

    @Test(arguments: [UpdateState.preflight, .download, .verify, .stage, .probe])
    func anAbortEndsWhatIsBeingPrepared(_ state: UpdateState) throws {
        var scene = try aborted { $0.attempt(3, serial: 2, state) }
        let plan = try scene.plan()
        #expect(plan.kind == "rejected" && plan.withdrawal == .aborted)
    }

    @Test(arguments: [UpdateState.activate, .observe])
    func anAbortLeadsToTheFallback(_ state: UpdateState) throws {
        var scene = try aborted { $0.attempt(3, serial: 2, state) }
        let plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.wantedNumber == 2 && plan.withdrawal == .aborted && plan.mayPrepare)
        #expect(plan.sentence.contains("goes back to digits 2"))
    }

    @Test func anAbortAfterTheCommitLeadsToTheFallbackAndStaysThere() throws {
        var scene = try aborted { try $0.run(3, serial: 2) }
        var plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.wantedNumber == 2 && plan.withdrawal == nil)
        scene.attempt(2, serial: 2, .download)
        plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.wantedNumber == 2 && plan.withdrawal == nil)
        scene.situation.attempt = nil
        try scene.run(2, serial: 2)
        plan = try scene.plan()
        #expect(plan.kind == "installed" && plan.wantedNumber == 2)
    }

    @Test func aBoxThatWentBackAtOnceGoesOnToTheFallback() throws {
        var scene = try aborted { $0.situation.leftSerial = 2 }
        var plan = try scene.plan()
        #expect(plan.kind == "bundle" && plan.wantedNumber == 2 && plan.withdrawal == nil)
        // Where what was there before is the fallback, it is there.
        try scene.run(2, serial: 1)
        plan = try scene.plan()
        #expect(plan.kind == "rejected" && plan.withdrawal == nil)
    }

    @Test func anAbortNeverLeadsToARevokedBundle() throws {
        var scene = try aborted {
            try $0.run(3, serial: 2)
            $0.revoke([2: .refuse])
        }
        let plan = try scene.plan()
        #expect(plan.kind == "rejected" && plan.wantedNumber == nil)
    }

    @Test func anAbortIsFinal() throws {
        var scene = try aborted()
        _ = try scene.plan()
        try scene.roll(2, .running, open: "all", epoch: 2)
        #expect(try scene.plan().kind == "rejected")
    }

    // MARK: removal, and what is under way

    /// The agent can't take an endpoint away yet, and says so.
    @Test func anEndpointThatIsToBeTakenAwayStays() throws {
        var scene = scene
        try scene.run(1, serial: 1)
        try scene.deploy(2, []) { $0.state = .absent }
        let plan = try scene.plan()
        #expect(plan.kind == "incompatible(deployment: absent)" && !plan.mayPrepare && !plan.stopsRunning)
    }

    @Test func anAttemptThatIsNobodysAnyMoreEnds() throws {
        var scene = scene
        scene.attempt(2, serial: 1, .download)
        #expect(try scene.plan().withdrawal == .notSelected)
        // A newer one takes its place by itself.
        try scene.deploy(1, [2])
        try scene.deploy(2, [3])
        let plan = try scene.plan()
        #expect(plan.withdrawal == nil && plan.wantedNumber == 3)
    }

    @Test func plansSurviveTheirFile() throws {
        var scene = scene
        try scene.deploy(1, [2])
        let (plans, _) = try scene.maker().make()
        let stamp = SyncPlan.Stamp(boot: try #require(BootID("ab-cd")), milliseconds: 5, time: PlanScene.now)
        let plan = SyncPlan(source: .repository, verified: stamp, timestampVersion: 3, endpoints: plans)
        #expect(try SyncPlan.parse(plan.encoded()) == plan)
    }
}
