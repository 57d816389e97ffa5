import Deployment
import Digest
import FileSystem
import Testing
import WallClock

@testable import EdgeAgent

/// When a look at the repository may end with `fetch`, and when `admit` must judge again.
@Suite struct AdmissionBasisTests {
    private let folder: TemporaryFolder
    private let layout: StoreLayout
    private let endpoint: EndpointName
    private let candidate = UpdateCandidate(serial: 4, bundle: Sample.old, fallbacks: [], deadline: nil)

    init() throws {
        folder = try TemporaryFolder()
        layout = StoreLayout(folder.path)
        endpoint = try #require(Sample.endpoint)
    }

    // MARK: - The plan

    private func plan(
        _ wanted: EndpointPlan.Wanted,
        _ change: (inout EndpointPlan) -> Void = { _ in }
    ) throws -> SyncPlan {
        var mine = EndpointPlan(wanted, "because")
        change(&mine)
        return SyncPlan(
            source: .repository,
            verified: .init(boot: try #require(Sample.boot(1)), milliseconds: 0, time: UTCTime(seconds: 0)),
            timestampVersion: 9,
            endpoints: [endpoint: mine]
        )
    }

    @Test func aPlanThatIsCarriedOutStands() throws {
        let now = TimestampEvidence.verified(ago: .seconds(10))
        for wanted: EndpointPlan.Wanted in [
            .installed(candidate), .nothing(.noDeployment), .nothing(.rejected), .nothing(.ambiguous),
            .nothing(.incompatible(subject: "deployment", feature: "window")),
        ] {
            #expect(try plan(wanted).mayStand(verified: now), "\(wanted)")
        }
    }

    /// Waves that open, windows, clocks that are set: what time alone can change is judged at every look.
    @Test func aPlanThatWaitsOrHasSomethingToDoDoesNot() throws {
        let now = TimestampEvidence.verified(ago: .zero)
        for wanted: EndpointPlan.Wanted in [
            .bundle(candidate), .removal(serial: 3), .nothing(.waitingFor(.wave)), .nothing(.waitingFor(.clock)),
            .nothing(.waitingFor(.network)),
        ] {
            #expect(try !plan(wanted).mayStand(verified: now), "\(wanted)")
        }
        #expect(try !plan(.installed(candidate)) { $0.waiting = .rollout }.mayStand(verified: now))
        #expect(try !plan(.installed(candidate)) { $0.withdrawal = .revoked }.mayStand(verified: now))
        #expect(try !plan(.installed(candidate)) { $0.stopsRunning = true }.mayStand(verified: now))
        var two = try plan(.installed(candidate))
        two.endpoints[try #require(EndpointName("other"))] = EndpointPlan(.bundle(candidate), "because")
        #expect(!two.mayStand(verified: now))
    }

    @Test func admitIsDueBeforeItsEvidenceIsTooOld() throws {
        let usual = try plan(.installed(candidate))
        #expect(usual.mayStand(verified: .verified(ago: .seconds(899))))
        #expect(!usual.mayStand(verified: .verified(ago: .seconds(900))))
        let hasty = try plan(.installed(candidate)) { $0.freshnessSeconds = 60 }
        #expect(hasty.mayStand(verified: .verified(ago: .seconds(29))))
        #expect(!hasty.mayStand(verified: .verified(ago: .seconds(30))))
        // However old a deployment allows it to be: expiry is judged by `admit`, too.
        let patient = try plan(.installed(candidate)) { $0.freshnessSeconds = 86_400 }
        #expect(!patient.mayStand(verified: .verified(ago: .seconds(900))))
    }

    @Test func whatAnotherBootOrAStickVerifiedDoesNotStand() throws {
        var plan = try plan(.installed(candidate))
        #expect(!plan.mayStand(verified: .none))
        #expect(!plan.mayStand(verified: .media))
        #expect(!plan.mayStand(verified: .verified(ago: .seconds(-1))))
        plan.source = .media
        #expect(!plan.mayStand(verified: .verified(ago: .zero)))
        #expect(PlanEvidence(plan).age(at: .zero, in: try #require(Sample.boot(1))) == .media)
    }

    // MARK: - What it was made from

    private var files: [String] {
        [layout.box, layout.plan, layout.memory, layout.labels, layout.metadata + "/timestamp.json"]
    }

    private func admitted(_ progress: UpdateProgress) throws -> AdmissionBasis {
        try FileSystem.createDirectories(layout.metadata)
        for file in files { try FileSystem.write(Array("1".utf8), to: file) }
        var basis = AdmissionBasis(layout, [endpoint: progress])
        #expect(!basis.holds(layout, [endpoint: progress]), "not before admit has ended")
        basis.complete(layout)
        return basis
    }

    @Test func anythingElseThanBeforeIsJudgedAnew() throws {
        let rest = UpdateProgress(generations: Sample.generations)
        let basis = try admitted(rest)
        #expect(basis.holds(layout, [endpoint: rest]))
        // Gone back by hand, for one.
        let back = UpdateProgress(generations: EndpointGenerations(current: Sample.before, previous: nil))
        #expect(!basis.holds(layout, [endpoint: back]))
        #expect(!basis.holds(layout, [:]))
        #expect(basis.holds(layout, [endpoint: rest]))
    }

    /// The configuration, or what somebody had `admit` do by hand; written with the same bytes, too.
    @Test(arguments: 0..<5) func aFileThatWasWrittenIsAnother(_ index: Int) throws {
        let rest = UpdateProgress(generations: Sample.generations)
        let basis = try admitted(rest)
        try FileSystem.write(Array("1".utf8), to: files[index])
        #expect(!basis.holds(layout, [endpoint: rest]))
        try FileSystem.removeFile(files[index])
        #expect(!basis.holds(layout, [endpoint: rest]))
    }

    @Test func aPlanThatWasNotThereProvesNothing() throws {
        let rest = UpdateProgress(generations: Sample.generations)
        var basis = AdmissionBasis(layout, [endpoint: rest])
        basis.complete(layout)
        #expect(!basis.holds(layout, [endpoint: rest]))
    }

    // MARK: - What fetch says

    @Test(arguments: [
        (#"{"outcome":"done","changed":false,"requests":2}"#, true), (#"{"outcome":"done","changed":true}"#, false),
        (#"{"outcome":"done"}"#, false), (#"{"outcome":"done","changed":"false"}"#, false),
        (#"{"outcome":"failed","changed":false}"#, false), (#"{"outcome":"done","changed":false"#, false),
        ("{\"outcome\":\"done\",\"changed\":false}\n{\"outcome\":\"done\",\"changed\":true}", false), ("", false),
    ])
    func onlyAPlainNoCounts(_ printed: String, _ isNothing: Bool) {
        #expect(HelperOutcome.foundNothingNew(Array(printed.utf8)) == isNothing)
    }

    @Test(arguments: [
        (#"{"outcome":"failed","circumstance":"network","sentence":"x","retryAfter":120}"#, Duration.seconds(120)),
        ("words\n{\"retryAfter\":86400}\n", .seconds(86_400)), (#"{"retryAfter":86401}"#, nil),
        (#"{"retryAfter":0}"#, nil), (#"{"retryAfter":-1}"#, nil), (#"{"retryAfter":"9"}"#, nil), (#"{}"#, nil),
        ("", nil), ("{", nil),
    ])
    func knowsHowLongAServerWantsToBeLeftAlone(printed: String, pause: Duration?) {
        #expect(HelperOutcome.retryAfter(Array(printed.utf8)) == pause)
    }
}
