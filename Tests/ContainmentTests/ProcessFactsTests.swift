import Glibc
import RuntimeLaunch
import Testing

@testable import Containment

@Suite struct ProcessFactsTests {
    @Test func readsWhatTheKernelWrites() {
        var facts = ProcessFacts()
        facts.take(
            status: """
                Name:\tedgeruntime
                Uid:\t998\t997\t998\t998
                NSpid:\t18287\t1
                CapEff:\t0000000000000000
                CapBnd:\t000001ffffffffff
                NoNewPrivs:\t1
                Seccomp:\t2
                Seccomp_filters:\t1
                """
        )
        #expect(facts.effectiveUser == 997)
        #expect(facts.processIDs == [18287, 1])
        #expect(facts.capabilities == 0)
        #expect(facts.capabilityBound == 0x1FF_FFFF_FFFF)
        #expect(facts.hasNoNewPrivileges == true)
        #expect(facts.seccompMode == 2)
        facts.take(
            limits: """
                Limit                     Soft Limit           Hard Limit           Units
                Max core file size        0                    0                    bytes
                Max open files            1024                 16384                files
                Max data size             unlimited            unlimited            bytes
                """
        )
        #expect(facts.limits["Max core file size"] == .some(.some(0)))
        #expect(facts.limits["Max open files"] == .some(.some(16384)))
        #expect(facts.limits["Max data size"] == .some(nil))
        facts.take(groups: "5:memory:/edge/edge.digits.blue\n0::/\n")
        #expect(facts.groups == ["/edge/edge.digits.blue", "/"])
    }

    @Test(arguments: [
        ("21 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n22 21 0:5 / /dev rw - devtmpfs x rw", false),
        ("90 80 0:60 / / ro,nosuid,nodev - tmpfs tmpfs rw\n91 90 254:0 /usr /usr ro - ext4 /dev/vda rw", true),
        ("21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n90 21 0:60 / / ro - tmpfs tmpfs rw", true),
    ])
    func knowsAPrivateRoot(_ mounts: String, _ expected: Bool) {
        var facts = ProcessFacts()
        facts.take(mounts: mounts)
        #expect(facts.hasPrivateRoot == expected)
    }

    @Test func readsThisProcess() throws {
        let facts = try #require(ProcessFacts.read(getpid()))
        #expect(facts.effectiveUser == geteuid())
        #expect(facts.ownNamespaces == [])
        #expect(ProcessFacts.read(-1) == nil)
    }

    // MARK: - Claims against facts

    private static let program: ContainedProgram = {
        var program = ContainedProgram(program: "/bin/true", arguments: [], descriptors: [:], places: [])
        program.user = .init(user: 997, group: 997)
        return program
    }()

    private static let contained: ProcessFacts = {
        var facts = ProcessFacts()
        facts.effectiveUser = 997
        facts.capabilities = 0
        facts.hasNoNewPrivileges = true
        facts.seccompMode = 2
        facts.processIDs = [40, 1]
        facts.ownNamespaces = ["mnt", "pid", "net", "ipc"]
        facts.hasPrivateRoot = true
        facts.limits = ["Max core file size": .some(0)]
        return facts
    }()

    private static let claims = ContainmentClaims(
        Dictionary(
            uniqueKeysWithValues: ContainmentLayer.allCases.map {
                ($0, ContainmentClaims.Claim(state: $0 == .cgroup ? .absent : .applied))
            }
        ),
        landlockVersion: 7
    )

    @Test func whatTheKernelBearsOutIsApplied() {
        let report = Self.claims.report(Self.program, facts: Self.contained)
        for layer in report.layers where layer.layer != .cgroup { #expect(layer.state == .applied, "\(layer)") }
        #expect(report[.cgroup].state == .absent)
        #expect(report[.cgroup].reason == "no control group was delegated to the launcher")
        #expect(report[.landlock].reason == "version 7")
    }

    @Test(arguments: [ContainmentLayer.user, .mount, .pid, .net, .devices, .seccomp, .noNewPrivileges, .limits])
    func aClaimThatTheKernelDoesNotShowIsAbsent(_ layer: ContainmentLayer) {
        let report = Self.claims.report(Self.program, facts: ProcessFacts())
        #expect(report[layer].state == .absent)
        #expect(!report[layer].reason.isEmpty)
    }

    @Test func landlockStandsInForDevicesInPart() {
        var claims = Self.claims
        claims.claims[.devices] = .init(state: .absent)
        #expect(claims.report(Self.program, facts: Self.contained)[.devices].state == .partial)
        claims.claims[.landlock] = .init(state: .absent)
        #expect(claims.report(Self.program, facts: Self.contained)[.devices].state == .absent)
    }

    @Test func whatCouldNotBeLookedAtIsNotCalledApplied() {
        let report = Self.claims.report(Self.program, facts: nil)
        #expect(report.layers.allSatisfy { $0.state != .applied })
    }

    @Test func everyStepHasWords() {
        for step in Int32(1)...23 where step != 21 { #expect(ContainmentClaims.words(forStep: step) != "starting") }
    }
}
