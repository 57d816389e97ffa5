import BundleManifest
import Deployment
import Digest
import EdgeAgent
import FileSystem
import JSON
import Testing
import UpdateFramework
import WallClock

@testable import AgentSync

@Suite struct MetadataSyncTests {
    private let place: TemporaryPlace

    init() throws { place = try TemporaryPlace() }

    /// A repository with bundle 1 deployed.
    private func repository() throws -> BoxRepository {
        var repository = try BoxRepository(in: place.path)
        try repository.addBundle(1)
        try repository.deploy(1, 1)
        try repository.publish()
        return repository
    }

    @Test func aDeploymentReachesThePlan() throws {
        let repository = try repository()
        let first = try repository.fetch()
        #expect(first.isChanged)
        let admitted = try repository.admit()
        let plan = try #require(try repository.plan())
        #expect(plan == admitted.plan && plan.source == .repository && plan.pollSeconds == 60)
        let endpoint = try #require(plan.endpoints[repository.endpoint])
        #expect(endpoint.kind == "bundle" && endpoint.mayPrepare && endpoint.title == "digits 1")
        let digest = SHA256.digest(try BoxRepository.manifest(1).encoded())
        let bundle = try #require(try AdmittedBundle.read(digest, from: repository.store))
        #expect(bundle.record.archive.bytes == 5)
        #expect(SHA256.digest(try FileSystem.read(repository.store.document(bundle.path), limit: 1 << 20)) == digest)
    }

    @Test func anUnchangedRepositoryCostsTwoSmallRequests() throws {
        let repository = try repository()
        try repository.sync()
        let again = try repository.fetch()
        #expect(again.requests == 2 && !again.isChanged && again.bytes < 1000)
        try repository.admit()
    }

    // The resident may end a look with `fetch` where that found nothing new, so what must be noticed at every look is
    // noticed by `fetch` alone.

    @Test func aFrozenRepositoryIsNoticedByFetch() throws {
        let repository = try repository()
        try repository.sync()
        #expect(try !repository.fetch().isChanged)
        // The same metadata, later than its expiry.
        var memory = try repository.opened().memory()
        memory.clockFloor = BoxRepository.now.advanced(by: .seconds(400 * 86_400))
        try FileSystem.write(try memory.encoded(), to: repository.store.memory)
        do {
            _ = try repository.fetch()
            Issue.record("expired metadata was found unchanged")
        } catch {
            let outcome = SyncOutcome(of: error)
            #expect(outcome.kind == "waiting(freshness)" && outcome.sentence.contains("expired at"))
        }
    }

    @Test func aRepositoryThatGoesBackIsNoticedByFetch() throws {
        var repository = try repository()
        try repository.publish()
        try repository.sync()
        let newest = try #require(repository.versions["timestamp"])
        repository.versions["timestamp"] = newest - 1
        try repository.writeOnline()
        do {
            _ = try repository.fetch()
            Issue.record("an older timestamp was found unchanged")
        } catch {
            let outcome = SyncOutcome(of: error)
            #expect(outcome.kind == "refused" && outcome.sentence.contains("rollback"))
        }
    }

    /// Documents that are missed are fetched, so that the plan is made again of what is whole.
    @Test func aStoreThatLostADocumentIsNews() throws {
        let repository = try repository()
        try repository.sync()
        try FileSystem.removeFile(repository.store.document(Revocations.path))
        #expect(try repository.fetch().isChanged)
    }

    @Test func labelsThatWereNotAdmittedAreNews() throws {
        let repository = try repository()
        try repository.sync()
        #expect(try FleetLabels(["site": "oslo"]).write(to: repository.store.inboxLabels))
        #expect(try repository.fetch().isChanged)
        try repository.admit()
        #expect(try !repository.fetch().isChanged)
    }

    @Test func whatOthersPublishCostsABoxAtRestNoMetadataOfBundles() throws {
        var repository = try repository()
        try repository.sync()
        try repository.run(1, serial: 1)
        #expect(try repository.sync().kind == "installed")
        try repository.addBundle(7)
        try repository.publish()
        try repository.sync()
        let names = try FileSystem.names(in: "\(repository.store.inbox)/metadata")
        #expect(!names.contains { $0.hasSuffix("bundles.json") }, "\(names)")
        #expect(names.contains { $0.hasSuffix("snapshot.json") })
    }

    @Test func aNewDeploymentTakesTheOldOnesPlace() throws {
        var repository = try repository()
        try repository.sync()
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        let plan = try repository.sync()
        #expect(plan.kind == "bundle" && plan.title == "digits 2")
    }

    // MARK: repositories that are not there, half there, or not what they were

    @Test func aRepositoryThatIsGoneIsACircumstance() throws {
        let repository = try repository()
        try repository.sync()
        let before = try repository.plan()
        try FileSystem.removeTree(repository.folder)
        let outcome = try #require(repository.outcome())
        #expect(outcome.kind == "failed(network)")
        #expect(try repository.plan() == before)
    }

    @Test(arguments: ["snapshot", "targets", "deployments-prod", "rollouts-prod", "bundles"])
    func aHalfUploadedRoleIsACircumstanceAndPasses(_ role: String) throws {
        var repository = try repository()
        try repository.sync()
        let before = try repository.plan()
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        let file = "\(repository.folder)/metadata/\(repository.versions[role] ?? 0).\(role).json"
        let bytes = try FileSystem.read(file, limit: 1 << 20)
        try FileSystem.removeFile(file)
        let outcome = try #require(repository.outcome())
        #expect(outcome.kind == "failed(network)" && outcome.sentence.contains("\(role).json"))
        #expect(try repository.plan() == before)
        try FileSystem.write(bytes, to: file)
        #expect(try repository.sync().title == "digits 2")
    }

    @Test func aHalfUploadedDocumentIsACircumstanceAndACutOneIsDamaged() throws {
        var repository = try repository()
        try repository.sync()
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        let bytes = try #require(repository.targets["deployments-prod"]?["deployments/prod/digits/2.json"]?.bytes)
        let file = "\(repository.folder)/targets/deployments/prod/digits/\(SHA256.digest(bytes)).2.json"
        try FileSystem.removeFile(file)
        #expect(repository.outcome()?.kind == "failed(network)")
        try FileSystem.write(Array(bytes.dropLast()), to: file)
        #expect(repository.outcome()?.kind == "damaged")
        try FileSystem.write(bytes, to: file)
        #expect(try repository.sync().title == "digits 2")
    }

    @Test func anInboxThatWasTamperedWithIsNotTaken() throws {
        var repository = try repository()
        try repository.sync()
        let before = try repository.plan()
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        try repository.fetch()
        let bytes = try #require(repository.targets["deployments-prod"]?["deployments/prod/digits/2.json"]?.bytes)
        let folder = "\(repository.store.inbox)/targets/deployments/prod/digits"
        try FileSystem.write([1] + bytes.dropFirst(), to: "\(folder)/\(SHA256.digest(bytes)).2.json")
        do {
            try repository.admit()
            Issue.record("it was taken")
        } catch {
            #expect(SyncOutcome(of: error).kind == "damaged")
        }
        #expect(try repository.plan() == before)
        #expect(try repository.sync().title == "digits 2")
    }

    @Test func withoutAnythingFetchedAdmittingFails() throws {
        let repository = try repository()
        do {
            try repository.admit()
            Issue.record("it was taken")
        } catch {
            #expect(SyncOutcome(of: error).kind == "failed(network)")
        }
        #expect(try repository.plan() == nil)
    }

    // MARK: attacks

    @Test(arguments: ["timestamp", "snapshot", "targets", "deployments-prod", "rollouts-prod", "bundles"])
    func everyRoleMustBeSignedByItsOwnKey(_ role: String) throws {
        for signers in [["stranger"], []] {
            var repository = try BoxRepository(in: try TemporaryPlace().kept)
            try repository.addBundle(1)
            try repository.deploy(1, 1)
            try repository.publish()
            try repository.sync()
            let before = try repository.plan()
            try repository.addBundle(2)
            try repository.deploy(2, 2)
            repository.signers[role] = signers
            try repository.publish()
            let outcome = try #require(repository.outcome(), "\(role) \(signers)")
            #expect(outcome.kind == "refused" && outcome.sentence.contains("is signed by 0 of the 1 keys"))
            // What a hostile fetch would bring is refused by who admits as well.
            let carried = try #require(repository.outcome(from: repository.folder))
            #expect(carried.kind == "refused")
            #expect(try repository.plan() == before)
            repository.signers = [:]
            try repository.publish()
            #expect(try repository.sync().title == "digits 2")
            try FileSystem.removeTree(FileSystem.parent(of: repository.folder))
        }
    }

    @Test(arguments: ["timestamp", "snapshot", "targets", "deployments-prod", "rollouts-prod", "bundles"])
    func noRoleGoesBackToAnOlderVersion(_ role: String) throws {
        var repository = try repository()
        for _ in 0..<3 { try repository.publish() }
        try repository.sync()
        let before = try repository.plan()
        let newest = try #require(repository.versions[role])
        // Everything above it is newer, it is older itself.
        try repository.publish()
        repository.versions[role] = newest - 2
        try repository.writeOnline()
        let outcome = try #require(repository.outcome(), "\(role)")
        #expect(outcome.kind == "refused" && outcome.sentence.contains("rollback"), "\(outcome.sentence)")
        #expect(try repository.plan() == before)
    }

    @Test(arguments: ["timestamp", "snapshot", "targets", "deployments-prod", "rollouts-prod"])
    func expiredMetadataIsNotTaken(_ role: String) throws {
        var repository = try repository()
        try repository.sync()
        let before = try repository.plan()
        repository.expiry[role] = -60
        repository.signedAt = -3600
        try repository.publish()
        let outcome = try #require(repository.outcome(), "\(role)")
        #expect(outcome.kind == "waiting(freshness)" && outcome.sentence.contains("\(role) version"))
        #expect(outcome.sentence.contains("expired at"))
        #expect(try repository.plan() == before)
    }

    @Test func aBundleUnderAnothersNameIsNotTaken() throws {
        var repository = try BoxRepository(in: place.path)
        try repository.addBundle(1, at: "bundles/other/1/linux-x86_64-glibc2.17-nopy.json")
        try repository.deploy(1, 1)
        try repository.publish()
        let plan = try repository.sync()
        #expect(plan.kind == "incompatible(bundle: malformed)")
        #expect(plan.sentence.contains("it lies at bundles/other/1/"))
    }

    @Test func aBundleThatNobodyPublishedIsWaitedFor() throws {
        var repository = try BoxRepository(in: place.path)
        try repository.deploy(1, 1)
        try repository.publish()
        #expect(try repository.sync().kind == "waitingFor(network)")
        try repository.addBundle(1)
        try repository.publish()
        #expect(try repository.sync().kind == "bundle")
    }

    @Test func aRepositoryThatListsTooMuchIsRefused() throws {
        var repository = try repository()
        let bytes = try #require(repository.targets["deployments-prod"]?.values.first?.bytes)
        for serial in 2...(DocumentCollector.mostDeployments + 2) {
            try repository.list(bytes, "deployments/prod/digits/\(serial).json", by: "deployments-prod")
        }
        try repository.publish()
        let outcome = try #require(repository.outcome())
        #expect(outcome.kind == "refused" && outcome.sentence.contains("more than are read"))
    }

    // MARK: media

    @Test func mediaAreTakenLongAfterTheirExpiryButNotAnyTime() throws {
        var repository = try repository()
        repository.expiry["timestamp"] = -80 * 86_400
        repository.expiry["snapshot"] = -80 * 86_400
        repository.signedAt = -100 * 86_400
        try repository.publish()
        #expect(repository.outcome()?.kind == "waiting(freshness)")
        let result = try repository.admit(from: repository.folder)
        #expect(result.plan.source == .media)
        #expect(result.notices.contains { $0.contains("accepted within the allowance") })
        let before = try repository.plan()
        repository.expiry["timestamp"] = -91 * 86_400
        repository.signedAt = -100 * 86_400
        try repository.publish()
        #expect(repository.outcome(from: repository.folder)?.kind == "waiting(freshness)")
        #expect(try repository.plan() == before)
        // Roles that people sign are good for as long as they say.
        repository.expiry = ["deployments-prod": -60]
        try repository.publish()
        #expect(repository.outcome(from: repository.folder)?.kind == "waiting(freshness)")
    }

    @Test func mediaDoNotTakeABoxBack() throws {
        var repository = try repository()
        let stick = "\(place.path)/stick"
        try copyTree(repository.folder, stick)
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        try repository.sync()
        let outcome = try #require(repository.outcome(from: stick))
        #expect(outcome.kind == "refused" && outcome.sentence.contains("rollback"))
    }

    @Test func whatIsNoMediaIsRefused() throws {
        let repository = try repository()
        #expect(repository.outcome(from: "\(place.path)/nothing")?.kind == "refused")
        #expect(repository.outcome(from: place.path)?.kind == "refused")
        let file = "\(place.path)/file"
        try FileSystem.write([1, 2, 3], to: file)
        #expect(repository.outcome(from: file)?.kind == "refused")
    }

    // MARK: the store

    @Test func aStoreOfANewerFormatIsLeftAsItIs() throws {
        let repository = try repository()
        try repository.sync()
        try FileSystem.write(Array(#"{"format":"2.0"}"#.utf8), to: repository.store.format)
        let before = try contents(repository.store.root)
        for work in [{ _ = try repository.fetch() }, { _ = try repository.admit() }] {
            #expect(throws: StoreError.storeTooNew(path: repository.store.root, format: "2.0")) { try work() }
        }
        var settings = BoxSettings()
        settings.channel = .dev
        #expect(throws: StoreError.self) { try BoxSetUp.configure(settings, repository.store) }
        #expect(try contents(repository.store.root) == before)
    }

    /// Ended before any of its writes, admitting leaves the old plan with all that it names, and goes on the next time.
    @Test func admittingMayEndAnywhere() throws {
        var repository = try repository()
        try repository.sync()
        let old = try #require(try repository.plan()?.endpoints)
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        try repository.fetch()
        let saved = "\(place.path)/saved"
        try copyTree(repository.store.root, saved)
        struct Killed: Error {}
        var step = 0
        var written: [String] = []
        while true {
            try FileSystem.removeTree(repository.store.root)
            try copyTree(saved, repository.store.root)
            var left = step
            do {
                _ = try MetadataAdmission.run(repository.opened(), from: nil) { path in
                    guard left > 0 else { throw Killed() }
                    left -= 1
                    written.append(path)
                }
                break
            } catch is Killed {
                #expect(try repository.plan()?.endpoints == old, "step \(step)")
                try expectWhole(repository)
            }
            let plan = try repository.sync()
            #expect(plan.title == "digits 2", "step \(step)")
            try expectWhole(repository)
            step += 1
        }
        // Timestamp, snapshot, five roles of which one did not matter here, three documents, bundle, memory, plan.
        #expect(step >= 10, "\(written.suffix(step))")
        #expect(written.last == repository.store.plan)
        #expect(try repository.plan()?.endpoints[repository.endpoint]?.title == "digits 2")
    }

    /// Everything that the plan names is in the store.
    private func expectWhole(_ repository: BoxRepository) throws {
        let plan = try #require(try repository.plan()?.endpoints[repository.endpoint])
        let path = try #require(plan.deployment)
        _ = try AgentStore(repository.store).deployment(at: path)
        guard case .bundle(let candidate) = plan.wanted else { return }
        let bundle = try #require(try AdmittedBundle.read(candidate.bundle, from: repository.store))
        let bytes = try FileSystem.read(repository.store.document(bundle.path), limit: 1 << 20)
        #expect(SHA256.digest(bytes) == candidate.bundle)
    }

    @Test func freshnessCountsFromTheFetch() throws {
        let repository = try repository()
        try repository.sync()
        let first = try #require(try repository.plan()).verified
        // Admitted again without asking anybody: no fresher than before.
        try repository.admit()
        #expect(try repository.plan()?.verified.milliseconds == first.milliseconds)
        try repository.fetch()
        try FileSystem.removeFile("\(repository.store.inbox)/fetched.json")
        try repository.admit()
        #expect(try repository.plan()?.verified.milliseconds == 0)
    }

    @Test func whatWasAdmittedIsNotBelievedToBeEarlier() throws {
        var repository = try repository()
        repository.signedAt = 7200
        repository.expiry["timestamp"] = 86_400
        try repository.publish()
        try repository.sync()
        let memory = try repository.opened().memory()
        #expect(try #require(memory.clockFloor) > BoxRepository.now.advanced(by: .seconds(7000)))
        #expect(BoxFacts.clock(floor: memory.floor).isTrusted == false)
    }

    // MARK: why

    @Test func whyNamesWhatTheProbeFound() throws {
        var repository = try repository()
        try repository.sync()
        try repository.run(1, serial: 1)
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        try repository.sync()
        var state = try AgentStore(repository.store).state(of: repository.endpoint)
        let digest = SHA256.digest(try BoxRepository.manifest(2).encoded())
        let host = HostFacts.fingerprint(python: nil).digest
        var ledger = RetryLedger()
        let reason = "accuracy on the acceptance set is 0.81, the bar is 0.9"
        _ = ledger.record(
            .judged(Verdict(judge: .probe, reason: reason)),
            for: AttemptKey(serial: 2, bundle: digest, host: host)
        )
        state.progress = try #require(
            UpdateProgress(
                state: .idle,
                attempt: nil,
                waiting: nil,
                generations: state.progress.generations,
                ledger: ledger,
                last: nil,
                lastActivation: nil
            )
        )
        try AgentStore(repository.store).save(state)
        let account = try #require(try EndpointAccount.all(repository.opened()).first)
        let expected =
            "digits stays on digits 1 and does not go to digits 2 of deployment 2: the probe refused it: "
            + "\(reason); a newer deployment or `edgeagent retry` tries it again"
        #expect(account.sentence == expected)
        #expect(account.json["decidedBy"] == "ownRollback" && account.json["result"] == "rejected")
    }

    @Test func whySaysThatNothingIsKnownYet() throws {
        let repository = try repository()
        #expect(throws: SyncFailure.self) { try EndpointAccount.all(repository.opened()) }
        try repository.sync()
        let other = try #require(EndpointName("other"))
        #expect(throws: StoreError.noEndpoint(name: "other")) {
            try EndpointAccount.all(repository.opened(), only: other)
        }
    }
}

/// A folder that lives as long as its test.
final class TemporaryPlace: Sendable {
    let path: String

    init() throws {
        path = "/tmp/edge-metadata-tests-" + String(UInt64.random(in: .min ... .max), radix: 36)
        try FileSystem.createDirectory(path, mode: 0o700)
    }

    /// The path, for a caller that removes it by itself.
    var kept: String { path + "-kept" }

    deinit { try? FileSystem.removeTree(path) }
}

private func copyTree(_ source: String, _ destination: String) throws {
    try FileSystem.createDirectories(destination)
    for name in try FileSystem.names(in: source) {
        let (from, to) = ("\(source)/\(name)", "\(destination)/\(name)")
        if try FileSystem.status(of: from)?.kind == .directory {
            try copyTree(from, to)
        } else {
            try FileSystem.write(try FileSystem.read(from, limit: 1 << 24), to: to)
        }
    }
}

private func contents(_ folder: String) throws -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for file in try FileSystem.files(below: folder, limit: 1000) {
        contents[file.path] = try FileSystem.read("\(folder)/\(file.path)", limit: 1 << 24)
    }
    return contents
}
