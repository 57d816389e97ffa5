import BundleManifest
import Deployment
import Digest
import JSON
import Testing

@Suite struct BundleChoiceTests {
    /// A bundle's need, and what meets it.
    struct Need: Sendable, CustomTestStringConvertible {
        let name: String
        let change: @Sendable (inout Manifest) -> Void
        let meet: @Sendable (inout BoxCapabilities) -> Void
        let feature: String
        let sentence: String

        var testDescription: String { name }
    }

    @Test(arguments: [
        Need(
            name: "architecture",
            change: { $0.platform.architecture = .arm64 },
            meet: { $0.architecture = .arm64 },
            feature: "aarch64",
            sentence: "it is for aarch64, this box is x86_64"
        ),
        Need(
            name: "glibc",
            change: { $0.platform.glibc = GlibcVersion(2, 37) },
            meet: { $0.glibc = GlibcVersion(2, 37) },
            feature: "glibc2.37",
            sentence: "it needs glibc 2.37, this box has 2.36"
        ),
        Need(
            name: "python",
            change: { $0.platform.python = "cp312" },
            meet: { $0.pythons.insert("cp312") },
            feature: "cp312",
            sentence: "it needs Python cp312, which this box lacks"
        ),
        Need(
            name: "accelerator",
            change: { $0.platform.accelerator = "cuda12" },
            meet: { $0.accelerators.insert("cuda12") },
            feature: "cuda12",
            sentence: "it needs cuda12, which this box lacks"
        ),
        Need(
            name: "devices",
            change: { $0.neededDevices = ["camera", "serial"] },
            meet: { $0.grantedDevices = ["camera", "serial", "gpu.nvidia"] },
            feature: "camera serial",
            sentence: "it needs camera, serial, not granted on this box"
        ),
        Need(
            name: "memory",
            change: { $0.endpoint.memoryBytes = 1001 },
            meet: { $0.memoryBytes = 1001 },
            feature: "memory",
            sentence: "it needs 1001 bytes of memory, this box allows 1000"
        ),
    ])
    func takesABundleOnlyWhereItsNeedsAreMet(_ need: Need) throws {
        let manifest = try DeploymentTests.manifest("3", need.change)
        var capabilities = box
        capabilities.memoryBytes = 1000
        let unmet = try #require(capabilities.unmetNeed(of: manifest))
        #expect(unmet.feature == need.feature)
        #expect(unmet.sentence == need.sentence)
        need.meet(&capabilities)
        #expect(capabilities.unmetNeed(of: manifest) == nil)
    }

    @Test func aBundledInterpreterNeedsNoneOfTheBox() throws {
        let manifest = try manifest {
            $0.platform.python = "cp313"
            $0.interpreter = Manifest.Interpreter(source: .bundled, abi: "cp313", version: "3.13")
        }
        #expect(box.unmetNeed(of: manifest) == nil)
    }

    private func facts(_ manifests: [Int: ManifestReading]) -> BundleChoice.Facts {
        BundleChoice.Facts(
            box: box,
            manifests: Dictionary(uniqueKeysWithValues: manifests.map { (digest($0.key), $0.value) })
        )
    }

    private func read(
        _ version: String = "3",
        epoch: Int = 1,
        _ change: (inout Manifest) -> Void = { _ in }
    ) throws
        -> ManifestReading
    { .read(try manifest(version, epoch: epoch, change)) }

    /// The outcome and the reasons in one line each.
    private func words(_ choice: BundleChoice) -> [String] {
        let outcome =
            switch choice.outcome {
            case .chosen(let digest, _): "chosen \(digest.short)"
            case .alreadyInstalled(let digest): "installed \(digest.short)"
            case .absent: "absent"
            case .undecided(let digest): "undecided \(digest.short)"
            case .noneFits: "none"
            }
        return [outcome] + choice.passedOver.map { "\($0.digest.short): \($0.reason.sentence)" }
    }

    @Test func takesTheFirstThatFitsAndSaysWhyNotABetterOne() throws {
        let facts = facts([
            1: try read { $0.platform.accelerator = "cuda12" }, 2: .unreadable(.requiresUnknown(features: ["moon"])),
            3: .unreadable(.malformed(.truncated(offset: 3))), 4: try read(), 5: try read(),
        ])
        let choice = BundleChoice.choose(for: try deployment(bundles: [1, 2, 3, 4, 5]), facts)
        #expect(
            words(choice) == [
                "chosen \(digest(4).short)", "\(digest(1).short): it needs cuda12, which this box lacks",
                "\(digest(2).short): it requires moon, unknown here",
                "\(digest(3).short): its manifest can't be read: "
                    + "malformed JSON: the text ends at byte 3 inside a value",
            ]
        )
        #expect(
            choice.passedOver.map(\.reason.result.code) == [
                "incompatible(bundle: cuda12)", "incompatible(bundle: moon)", "incompatible(bundle: malformed)",
            ]
        )
    }

    @Test func doesNotDecidePastAMissingManifest() throws {
        let facts = facts([1: try read { $0.platform.architecture = .arm64 }, 3: try read()])
        let choice = BundleChoice.choose(for: try deployment(bundles: [1, 2, 3]), facts)
        #expect(choice.outcome == .undecided(missing: digest(2)))
        #expect(choice.passedOver.count == 1)
    }

    @Test func takesNothingWhereNoneFits() throws {
        let choice = BundleChoice.choose(
            for: try deployment(bundles: [1]),
            facts([1: try read { $0.platform.architecture = .arm64 }])
        )
        #expect(choice.outcome == .noneFits)
    }

    @Test func anAbsentEndpointNeedsNoBundle() throws {
        #expect(BundleChoice.choose(for: try deployment { $0.state = .absent }, facts([:])).outcome == .absent)
    }

    @Test func whatRunsIsInstalledAlready() throws {
        var facts = facts([1: try read("2")])
        facts.running = try running(1)
        facts.floors = VersionFloors([try #require(BundleName("digits")): try #require(BundleVersion("9"))])
        #expect(BundleChoice.choose(for: try deployment(), facts).outcome == .alreadyInstalled(digest(1)))
    }

    @Test func staysWithWhatItTookForTheSerial() throws {
        var facts = facts([1: try read(), 2: try read()])
        facts.kept = digest(2)
        let deployment = try deployment(bundles: [1, 2])
        #expect(
            words(BundleChoice.choose(for: deployment, facts)) == [
                "chosen \(digest(2).short)",
                "\(digest(1).short): \(digest(2).short) was taken for this serial before",
            ]
        )
        // What was taken and is now revoked binds nobody.
        facts.revocations = Revocations([digest(2): .init(action: .refuse, reason: "old")])
        #expect(words(BundleChoice.choose(for: deployment, facts)) == ["chosen \(digest(1).short)"])
        // What was taken and no longer fits is not exchanged for another within the serial.
        facts.revocations = Revocations()
        facts.manifests[digest(2)] = try read { $0.neededDevices = ["camera"] }
        #expect(BundleChoice.choose(for: deployment, facts).outcome == .noneFits)
    }

    @Test func leavesOutWhatIsRevoked() throws {
        var facts = facts([1: try read(), 2: try read()])
        facts.revocations = Revocations([digest(1): .init(action: .refuse, reason: "old library")])
        #expect(
            words(BundleChoice.choose(for: try deployment(bundles: [1, 2]), facts)) == [
                "chosen \(digest(2).short)", "\(digest(1).short): it is revoked: old library",
            ]
        )
        facts.revocations = Revocations([
            digest(1): .init(action: .stop, reason: "a"), digest(2): .init(action: .refuse, reason: "b"),
        ])
        let none = BundleChoice.choose(for: try deployment(bundles: [1, 2]), facts)
        #expect(none.outcome == .noneFits)
        #expect(none.passedOver.first?.reason.result == .rejected)
    }

    @Test func takesWhatARevocationPutsInItsPlaceUnderTheSameRules() throws {
        var facts = facts([1: try read(), 3: try read(), 2: try read()])
        facts.revocations = Revocations([digest(1): .init(action: .replace(by: digest(3)), reason: "fix")])
        let deployment = try deployment(bundles: [1, 2])
        #expect(
            words(BundleChoice.choose(for: deployment, facts)) == [
                "chosen \(digest(3).short)", "\(digest(1).short): it is revoked, \(digest(3).short) takes its place",
            ]
        )
        facts.manifests[digest(3)] = try read { $0.platform.architecture = .arm64 }
        #expect(BundleChoice.choose(for: deployment, facts).outcome == .chosen(digest(2), try manifest()))
        facts.manifests[digest(3)] = nil
        #expect(BundleChoice.choose(for: deployment, facts).outcome == .undecided(missing: digest(3)))
    }

    @Test(
        arguments: [
            ("2", nil, nil, true), ("2", "2", nil, true), ("2", "2.1", nil, false), ("2", "3", nil, false),
            ("2.10", "2.9", nil, true), ("2", nil, "3", false), ("3", "2", "3", true), ("2", "3", "1", false),
        ] as [(String, String?, String?, Bool)]
    )
    func takesNothingBelowTheFloor(_ version: String, _ known: String?, _ signed: String?, _ isTaken: Bool) throws {
        var facts = facts([1: try read(version)])
        let name = try #require(BundleName("digits"))
        facts.floors = VersionFloors(known.flatMap { BundleVersion($0) }.map { [name: $0] } ?? [:])
        let deployment = try deployment { $0.minimumVersion = signed.flatMap { BundleVersion($0) } }
        let choice = BundleChoice.choose(for: deployment, facts)
        #expect((choice.outcome != .noneFits) == isTaken)
        #expect(isTaken || choice.passedOver.first?.reason.result == .rejected)
        let highest = [known, signed].compactMap { $0.flatMap { BundleVersion($0) } }.max()
        #expect(facts.raisedFloors(by: deployment)[name] == highest)
    }

    @Test func aFloorBindsOneNameOnly() throws {
        var facts = facts([1: .read(try manifest("1", name: "letters"))])
        facts.floors = VersionFloors([try #require(BundleName("digits")): try #require(BundleVersion("9"))])
        #expect(BundleChoice.choose(for: try deployment(), facts).outcome != .noneFits)
    }

    @Test(
        arguments: [
            (nil, 2, false, true), (1, 1, false, true), (1, 2, false, false), (1, 2, true, true), (2, 1, false, false),
            (2, 1, true, true),
        ] as [(Int?, Int, Bool, Bool)]
    )
    func changesTheInterfaceOnlyWhereAllowed(_ from: Int?, _ to: Int, _ isAllowed: Bool, _ isTaken: Bool) throws {
        var facts = facts([1: try read(epoch: to)])
        facts.running = try from.map { try running(9, epoch: $0) }
        let choice = BundleChoice.choose(for: try deployment { $0.allowsInterfaceChange = isAllowed }, facts)
        #expect((choice.outcome != .noneFits) == isTaken)
        #expect(isTaken || choice.passedOver.first?.reason.result.code == "incompatible(interface: epoch \(to))")
    }

    @Test func needsTheContainmentThatIsRequired() throws {
        var facts = facts([1: try read()])
        facts.box.containment = [.net, .user]
        let deployment = try deployment { $0.containment = [.net, .seccomp, .landlock] }
        let refused = BundleChoice.choose(for: deployment, facts)
        #expect(refused.passedOver.first?.reason.result.code == "incompatible(containment: landlock seccomp)")
        facts.box.containment = Set(ContainmentLayer.allCases)
        #expect(BundleChoice.choose(for: deployment, facts).outcome == .chosen(digest(1), try manifest()))
    }

    @Test func theFallbackIsChosenByTheSameRules() throws {
        var facts = facts([8: try read { $0.platform.architecture = .arm64 }, 9: try read("1")])
        facts.kept = digest(1)
        facts.running = try running(1)
        #expect(BundleChoice.chooseFallback(for: try deployment(), facts) == nil)
        let deployment = try deployment { $0.fallback = [digest(8), digest(9)] }
        #expect(BundleChoice.chooseFallback(for: deployment, facts)?.outcome == .chosen(digest(9), try manifest("1")))
        facts.revocations = Revocations([digest(9): .init(action: .refuse, reason: "x")])
        #expect(BundleChoice.chooseFallback(for: deployment, facts)?.outcome == .noneFits)
        facts.revocations = Revocations()
        facts.floors = VersionFloors([try #require(BundleName("digits")): try #require(BundleVersion("2"))])
        #expect(BundleChoice.chooseFallback(for: deployment, facts)?.outcome == .noneFits)
    }
}
