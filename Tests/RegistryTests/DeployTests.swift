import BundleManifest
import Deployment
import Digest
import FileSystem
import Testing
import UpdateFramework

@testable import Registry

/// Deployments, rollouts and revocations, as documents that a box will read.
@Suite struct DeployTests {
    @Test func platformsComeInTheOrderOfWhatTheyNeed() throws {
        let sample = try SampleRegistry()
        let old = try sample.publishAndCommit(try sample.bundle("1", glibc: 17))
        let new = try sample.publishAndCommit(try sample.bundle("1", glibc: 34))
        let middle = try sample.publishAndCommit(try sample.bundle("1", glibc: 28))
        let deployed = try sample.deploy(SampleRegistry.request("sample@1"))
        #expect(deployed.document.state == .bundles([new.digest, middle.digest, old.digest]))
        #expect(deployed.document.features == [.variants])
        let single = try sample.deploy(SampleRegistry.request("sha256:\(old.digest)"))
        #expect(single.document.state == .bundles([old.digest]))
        #expect(single.document.location.serial == 2)
    }

    @Test func whatIsAskedForIsInTheDocument() throws {
        let sample = try SampleRegistry()
        let bundle = try sample.publishAndCommit(try sample.bundle("2"))
        let old = try sample.publishAndCommit(try sample.bundle("1"))
        let data = "\(sample.scratch.path)/data.jsonl"
        try FileSystem.write(Array("{\"inputs\":[1],\"label\":1}".utf8), to: data)
        let acceptance = try sample.registry.publishAcceptance(
            data,
            Registry.AcceptanceRequest(
                endpoint: SampleRegistry.endpoint(),
                metric: .mae,
                bar: Acceptance.Bar(againstIncumbent: 0.1)
            ),
            keys: sample.keys
        ).result
        var request = try SampleRegistry.request("sample@2", channel: .staging)
        request.selector = try Selector(text: "site=oslo")
        request.waves = [
            Wave(name: "first", members: .percent(try #require(Percent(5)))),
            .init(name: "rest", members: .percent(.all)),
        ]
        request.acceptance = 1
        request.soak = Gates.Soak(seconds: 60, minimumSamples: 10)
        request.thresholds = [Gates.Threshold(measure: .errorRate, maximum: 0.01, minimumSamples: 10)]
        request.fallback = [try SampleRegistry.reference("sample@1")]
        request.minimumVersion = BundleVersion("1")
        request.freshnessSeconds = 60
        request.deadlineSeconds = 900
        let deployed = try sample.deploy(request)
        try sample.roll(.running, channel: .staging)
        #expect(try sample.registry.commit(keys: sample.keys).isCommitted)

        var box = try sample.box()
        let found = try #require(try box.targets(below: "deployments/staging").first)
        let bytes = try box.contents(
            of: found,
            from: RepositoryDirectory(sample.folder).targetsTransport,
            limitBytes: 1 << 20
        )
        let location = try #require(DeploymentLocation(path: found.path.text))
        let document = try Deployment.parse(bytes, at: location)
        #expect(document == deployed.document)
        #expect(found.file.hashes.sha256 == deployed.digest)
        #expect(document.state == .bundles([bundle.digest]))
        #expect(document.fallback == [old.digest])
        #expect(document.gates.acceptance == Gates.AcceptanceReference(version: 1, digest: acceptance.digest))
        #expect(
            document.features
                == [.selector, .waves, .acceptanceGate, .soakGate, .thresholdGate, .floor, .freshness]
        )
        #expect(try RepositoryCheck(of: sample.folder, now: SampleRegistry.now).problems == [])
    }

    @Test func anEndpointCanBeTakenAway() throws {
        let sample = try SampleRegistry()
        var request = try SampleRegistry.request("sample@1")
        request.wish = .absent
        #expect(try sample.deploy(request).document.state == .absent)
    }

    @Test func whatABoxWouldRefuseIsRefused() throws {
        let sample = try SampleRegistry()
        for version in ["1", "2", "3"] { try sample.publishAndCommit(try sample.bundle(version)) }
        #expect(
            throws: RegistryError.notPublished(what: "sample@9", known: ["sample@1", "sample@2", "sample@3"])
        ) { try sample.deploy(SampleRegistry.request("sample@9")) }
        _ = try sample.registry.revoke(
            SampleRegistry.reference("sample@3"),
            .refuse,
            reason: "leaks",
            keys: sample.keys
        )
        #expect(throws: RegistryError.revoked(bundle: "sample@3", reason: "leaks")) {
            try sample.deploy(SampleRegistry.request("sample@3"))
        }
        var request = try SampleRegistry.request("sample@2")
        request.minimumVersion = BundleVersion("2")
        try sample.deploy(request)
        let floor = try #require(BundleVersion("2"))
        #expect(throws: RegistryError.belowFloor(bundle: "sample@1", floor: floor)) {
            try sample.deploy(SampleRegistry.request("sample@1"))
        }
        // Another channel has a floor of its own.
        #expect(try sample.deploy(SampleRegistry.request("sample@1", channel: .dev)).document.location.serial == 1)
        request.acceptance = 4
        #expect(throws: RegistryError.self) { try sample.deploy(request) }
    }

    // MARK: rollouts

    @Test func aRolloutMovesWithinTheSignedPlan() throws {
        let sample = try SampleRegistry()
        try sample.publishAndCommit(try sample.bundle("1"))
        #expect(throws: RegistryError.self, "nothing is deployed") { try sample.roll(.running) }
        var request = try SampleRegistry.request("sample@1")
        request.waves = [
            Wave(name: "first", members: .percent(try #require(Percent(1)))),
            Wave(name: "rest", members: .percent(.all)),
        ]
        let deployed = try sample.deploy(request)
        let opened = try sample.roll(.running)
        #expect(opened.deployment == deployed.digest)
        #expect((opened.serial, opened.epoch, opened.openWave) == (1, 1, "first"))
        #expect(throws: RegistryError.noSuchWave(name: "all", known: ["first", "rest"])) {
            try sample.roll(.running, open: "all")
        }
        #expect(try sample.roll(.running, open: "rest").epoch == 2)
        let paused = try sample.roll(.paused)
        #expect((paused.epoch, paused.openWave, paused.state) == (3, "rest", .paused))
        #expect(try sample.roll(.aborted).epoch == 4)
        #expect(throws: RegistryError.self, "an abort is final") { try sample.roll(.running) }
        let next = try sample.deploy(request)
        let again = try sample.roll(.running)
        #expect(again.deployment == next.digest)
        #expect((again.serial, again.epoch, again.openWave) == (2, 5, "first"))
    }

    @Test func whatIsCarriedOutStandsOnForItsOwnBoxes() throws {
        let sample = try SampleRegistry()
        for version in ["1", "2"] { try sample.publishAndCommit(try sample.bundle(version)) }
        let all = try sample.deploy(SampleRegistry.request("sample@1"))
        try sample.roll(.running)
        var request = try SampleRegistry.request("sample@2")
        request.selector = try Selector(text: "site=oslo")
        request.priority = 1
        let oslo = try sample.deploy(request)
        let rollout = try sample.roll(.running)
        #expect(rollout.completed == [Rollout.Completed(deployment: all.digest, serial: 1)])
        // For the same boxes it takes the other's place; one that is not carried out is not kept.
        try sample.deploy(SampleRegistry.request("sample@2"))
        let replaced = try sample.roll(.paused)
        #expect(replaced.completed == [Rollout.Completed(deployment: oslo.digest, serial: 2)])
        try sample.deploy(request)
        #expect(try sample.roll(.running).completed == [])
    }

    // MARK: revocations

    @Test func revocationsAreSignedByTargetsAndCanBeTakenBack() throws {
        let sample = try SampleRegistry()
        let old = try sample.publishAndCommit(try sample.bundle("1", glibc: 17))
        let new = try sample.publishAndCommit(try sample.bundle("1", glibc: 34))
        let fixedOld = try sample.publishAndCommit(try sample.bundle("2", glibc: 17))
        let fixedNew = try sample.publishAndCommit(try sample.bundle("2", glibc: 34))
        let (first, second) = (try SampleRegistry.reference("sample@1"), try SampleRegistry.reference("sample@2"))
        let done = try sample.registry.revoke(first, .replace(by: second), reason: "leaks", keys: sample.keys)
        #expect(Set(done.result) == [old.digest, new.digest])
        #expect(
            try sample.registry.revocations.entries == [
                old.digest: Revocations.Entry(action: .replace(by: fixedOld.digest), reason: "leaks"),
                new.digest: Revocations.Entry(action: .replace(by: fixedNew.digest), reason: "leaks"),
            ]
        )
        #expect(
            try !sample.registry.revoke(first, .replace(by: second), reason: "leaks", keys: sample.keys).effect.isChange
        )
        _ = try sample.registry.commit(keys: sample.keys)
        var box = try sample.box()
        #expect(try box.find(try #require(TargetPath(Revocations.path)))?.role == .targets)
        #expect(try sample.registry.revoke(first, .lift, reason: "tested again", keys: sample.keys).effect.isChange)
        #expect(try sample.registry.revocations == Revocations())
        #expect(throws: RegistryError.self, "itself") {
            try sample.registry.revoke(first, .replace(by: first), reason: "x", keys: sample.keys)
        }
    }

    @Test func aDigestCanBeRevokedThatWasNeverPublishedHere() throws {
        let sample = try SampleRegistry()
        let digest = SHA256.digest([1])
        _ = try sample.registry.revoke(.digest(digest), .stop, reason: "stolen build key", keys: sample.keys)
        #expect(try sample.registry.revocations.entries[digest]?.action == .stop)
    }

    @Test(arguments: ["sample", "sample@", "@1", "sample@1@2", "Sample@1", "sample@01", "sha256:12", ""])
    func aReferenceIsANameAndVersionOrADigest(text: String) { #expect(BundleReference(text) == nil) }
}
