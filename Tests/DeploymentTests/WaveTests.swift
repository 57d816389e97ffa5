import Digest
import Testing
import WallClock

@testable import Deployment

@Suite struct WaveTests {
    /// Computed with Python's hashlib: int.from_bytes(sha256(b"box-1\0" + salt).digest()[:8], "big").
    @Test(
        arguments: [
            ("box-1", "deployments/prod/digits/7.json", 5_196_991_763_249_323_336),
            ("box-2", "deployments/prod/digits/7.json", 7_690_838_884_559_273_507),
            ("box-1", "other", 17_843_983_937_123_636_126),
        ] as [(String, String, UInt64)]
    )
    func drawsTheFirstEightBytes(_ name: String, _ salt: String, _ expected: UInt64) throws {
        #expect(WaveAssignment.draw(try device(name), salt: salt) == expected)
    }

    /// draw / 2^64 < percent / 100 at its edges: ceil(percent / 100 * 2^64) is the first draw outside.
    @Test(
        arguments: [
            (0, 0, false), (0, .max, false), (100, 0, true), (100, .max, true), (50, 1 << 63 - 1, true),
            (50, 1 << 63, false), (25, 1 << 62 - 1, true), (25, 1 << 62, false), (0.001, 184_467_440_737_095, true),
            (0.001, 184_467_440_737_096, false), (99.999, 18_446_559_606_268_814_520, true),
            (99.999, 18_446_559_606_268_814_521, false), (10, 1_844_674_407_370_955_161, true),
            (10, 1_844_674_407_370_955_162, false),
        ] as [(Double, UInt64, Bool)]
    )
    func comparesSharesExactly(_ share: Double, _ draw: UInt64, _ isIn: Bool) throws {
        #expect(WaveAssignment.isBelow(draw, try percent(share)) == isIn)
    }

    /// box-1 draws 28.17 percent, box-2 41.69 percent.
    private func plan() throws -> Deployment {
        try deployment { deployment in
            deployment.waves = [
                Wave(name: "bench", members: .devices([try device("box-9")])),
                Wave(name: "few", members: .percent(try percent(28.172))),
                Wave(name: "some", members: .percent(try percent(28.173))),
                Wave(name: "oslo", members: .labels(try Selector(text: "site=oslo"))),
                Wave(name: "rest", members: .percent(.all)),
            ]
        }
    }

    @Test(
        arguments: [
            ("box-1", [:], nil, [2, 4]), ("box-2", [:], nil, [4]), ("box-9", ["site": "oslo"], nil, [0, 3, 4]),
            ("box-2", ["site": "oslo"], nil, [3, 4]), ("box-2", ["site": "bergen"], nil, [4]),
            ("box-2", [:], 1, [1, 4]), ("box-2", [:], 4, [4]), ("box-2", [:], 99, [4]),
        ] as [(String, [String: String], Int?, [Int])]
    )
    func assignsABoxToItsWaves(_ name: String, _ texts: [String: String], _ joins: Int?, _ expected: [Int]) throws {
        let assignment = WaveAssignment.decide(
            try plan(),
            digest: digest(70),
            device: try device(name),
            labels: try labels(texts),
            kept: nil,
            joinsOpenWave: joins
        )
        #expect(assignment == WaveAssignment(deployment: digest(70), serial: 7, waves: expected))
    }

    @Test func keepsItsPlaceForOneDeploymentOnly() throws {
        func decide(_ kept: WaveAssignment?, _ site: String) throws -> [Int] {
            WaveAssignment.decide(
                try plan(),
                digest: digest(70),
                device: try device("box-2"),
                labels: try labels(["site": site]),
                kept: kept
            ).waves
        }
        let kept = WaveAssignment(deployment: digest(70), serial: 7, waves: [4])
        #expect(try decide(nil, "oslo") == [3, 4])
        #expect(try decide(kept, "oslo") == [4])
        #expect(try decide(WaveAssignment(deployment: digest(69), serial: 6, waves: [0]), "oslo") == [3, 4])
    }

    @Test func aDeploymentWithoutAPlanHasOneWaveOfAll() throws {
        let deployment = try deployment()
        #expect(deployment.effectiveWaves == [Wave(name: "all", members: .percent(.all))])
        let assignment = WaveAssignment.decide(
            deployment,
            digest: digest(70),
            device: try device("box-2"),
            labels: Labels(),
            kept: nil
        )
        #expect(assignment.waves == [0])
    }

    /// Shares of one plan nest, and over many boxes they come out as asked.
    @Test func sharesNestAndAreFair() throws {
        let boxes = try (0..<4000).map { WaveAssignment.draw(try device("box-\($0)"), salt: "s") }
        let ten = try percent(10)
        let half = try percent(50)
        #expect(!boxes.contains { WaveAssignment.isBelow($0, ten) && !WaveAssignment.isBelow($0, half) })
        #expect((320...480).contains(boxes.count { WaveAssignment.isBelow($0, ten) }))
        #expect((1850...2150).contains(boxes.count { WaveAssignment.isBelow($0, half) }))
    }

    struct Turn: Sendable {
        let mine: [Int]
        let open: Int?
        var isTrusted = true
        var now = "2027-01-01T00:00:00Z"
        let expected: String
    }

    /// Waves: a, b not before 2027-01-02, c.
    @Test(arguments: [
        Turn(mine: [0], open: nil, expected: "this box is in wave a, which is not open yet"),
        Turn(mine: [0], open: 0, expected: "this box is in wave a, which is open"),
        Turn(mine: [0], open: 2, expected: "this box is in wave a, which is open"),
        Turn(mine: [2], open: 0, expected: "this box is in wave c, which is not open yet"),
        Turn(mine: [2], open: 1, expected: "this box is in wave c, which is not open yet"),
        Turn(mine: [2], open: 2, expected: "this box is in wave c, which is open"),
        Turn(mine: [], open: 2, expected: "no wave of the plan holds this box"),
        Turn(mine: [7], open: 2, expected: "no wave of the plan holds this box"),
        Turn(mine: [1], open: 1, expected: "wave b starts at 2027-01-02T00:00:00Z"),
        Turn(mine: [1], open: 1, now: "2027-01-01T23:59:59Z", expected: "wave b starts at 2027-01-02T00:00:00Z"),
        Turn(mine: [1], open: 1, now: "2027-01-02T00:00:00Z", expected: "this box is in wave b, which is open"),
        Turn(mine: [1], open: 0, now: "2027-01-02T00:00:00Z", expected: "this box is in wave b, which is not open yet"),
        Turn(mine: [1, 2], open: 1, expected: "wave b starts at 2027-01-02T00:00:00Z"),
        Turn(mine: [1, 2], open: 2, expected: "this box is in wave c, which is open"),
        Turn(
            mine: [1],
            open: 1,
            isTrusted: false,
            expected: "wave b starts at 2027-01-02T00:00:00Z, and the clock is not set"
        ),
        Turn(
            mine: [1],
            open: 1,
            isTrusted: false,
            now: "2027-01-02T00:00:00Z",
            expected: "this box is in wave b, which is open"
        ),
        Turn(mine: [0], open: 0, isTrusted: false, expected: "this box is in wave a, which is open"),
    ])
    func saysWhetherItIsABoxsTurn(_ turn: Turn) throws {
        let deployment = try deployment { deployment in
            deployment.waves = [
                Wave(name: "a", members: .percent(.all)),
                Wave(name: "b", members: .percent(.all), notBefore: try time("2027-01-02T00:00:00Z")),
                Wave(name: "c", members: .percent(.all)),
            ]
        }
        let now = try time(turn.now)
        let standing = WaveAssignment(deployment: digest(70), serial: 7, waves: turn.mine).standing(
            in: deployment,
            openWave: turn.open,
            clock: turn.isTrusted ? .trusted(now) : .untrusted(floor: now)
        )
        #expect(standing.sentence == turn.expected)
    }
}
