import EdgeAgent
import FileSystem
import Testing
import UpdateFramework
import WallClock

@testable import AgentSync

/// What a box believes of the time: never less than the latest of build time, the last time that was stored, and what
/// signed metadata says of its own making.
@Suite struct ClockTests {
    private let place: TemporaryPlace
    private static let epoch = UTCTime(seconds: 0)
    private let now = BoxRepository.now

    init() throws { place = try TemporaryPlace() }

    private func repository() throws -> BoxRepository {
        var repository = try BoxRepository(in: place.path)
        try repository.addBundle(1)
        try repository.deploy(1, 1)
        try repository.publish()
        return repository
    }

    @Test func theClockIsNeverReadBelowTheFloor() {
        let floor = UTCTime(seconds: 1_800_000_000)
        for seconds in [Int64.min, -1, 0, 1_799_999_999] {
            let reading = BoxFacts.clock(floor: floor, machineTime: UTCTime(seconds: seconds))
            #expect(reading.time == floor && !reading.isTrusted)
        }
        for seconds in [1_800_000_000, 1_900_000_000] {
            let reading = BoxFacts.clock(floor: floor, machineTime: UTCTime(seconds: Int64(seconds)))
            #expect(reading.time.seconds == seconds && reading.isTrusted)
        }
    }

    @Test func theFloorIsTheLatestOfAllThatIsKnown() {
        let build = BoxFacts.buildFloor
        func after(_ seconds: Int64) -> UTCTime { build.advanced(by: .seconds(seconds)) }
        func raised(
            from kept: UTCTime?,
            signedAt: UTCTime?,
            clock: ClockReading,
            isFromNetwork: Bool = true
        ) -> UTCTime {
            var memory = SyncMemory()
            memory.clockFloor = kept
            memory.raiseFloor(signedAt: signedAt, clock: clock, isFromNetwork: isFromNetwork)
            return memory.floor
        }
        let lost = ClockReading.untrusted(floor: build)
        #expect(raised(from: nil, signedAt: nil, clock: lost) == build)
        #expect(raised(from: Self.epoch, signedAt: Self.epoch, clock: lost) == build)
        #expect(raised(from: after(50), signedAt: after(20), clock: lost) == after(50))
        #expect(raised(from: after(50), signedAt: after(70), clock: lost) == after(70))
        // An hour at a time, and never by what media were judged with.
        #expect(raised(from: after(50), signedAt: nil, clock: .trusted(after(3_000))) == after(50))
        #expect(raised(from: after(50), signedAt: nil, clock: .trusted(after(9_000))) == after(9_000))
        #expect(
            raised(from: after(50), signedAt: nil, clock: .trusted(after(9_000)), isFromNetwork: false) == after(50)
        )
    }

    @Test func aBoxThatBelievesIn1970TakesFreshMetadata() throws {
        var repository = try repository()
        try repository.fetch(at: Self.epoch)
        let plan = try #require(try repository.admit(at: Self.epoch).plan.endpoints[repository.endpoint])
        #expect(plan.title == "digits 1")
        let floor = try #require(try repository.opened().memory().clockFloor)
        #expect(floor >= now.advanced(by: .seconds(-86_400)))
        // And what comes next.
        try repository.addBundle(2)
        try repository.deploy(2, 2)
        try repository.publish()
        try repository.fetch(at: Self.epoch)
        let next = try #require(try repository.admit(at: Self.epoch).plan.endpoints[repository.endpoint])
        #expect(next.title == "digits 2")
    }

    /// Its clock is of no use, and what it was told when once is: expired metadata is none the less expired.
    @Test func aBoxThatBelievesIn1970IsNotTakenBack() throws {
        var repository = try repository()
        try repository.fetch(at: Self.epoch)
        try repository.admit(at: Self.epoch)
        let before = try repository.plan()
        repository.expiry["timestamp"] = -60
        repository.signedAt = -3600
        try repository.publish()
        for work in [{ _ = try repository.fetch(at: Self.epoch) }, { _ = try repository.fetch() }] {
            let error = #expect(throws: (any Error).self) { try work() }
            let outcome = try SyncOutcome(of: #require(error))
            #expect(outcome.kind == "waiting(freshness)", "\(outcome.sentence)")
        }
        #expect(try repository.plan() == before)
    }

    /// A server that says when to come again is left alone until then, by who started this.
    @Test(arguments: [(Duration.seconds(120), 120), (.seconds(1 << 40), 86_400), (.milliseconds(10), 1)])
    func handsOnWhenAServerWantsToBeAskedAgain(pause: Duration, seconds: Int) {
        let error = TransportError.unavailable("x", reason: "the server answered 503", retryAfter: pause)
        let line = SyncOutcome.line(of: error)
        #expect(line.contains("\"outcome\":\"failed\"") && line.contains("\"circumstance\":\"network\""))
        #expect(line.contains("\"retryAfter\":\(seconds)"), "\(line)")
        let silent = SyncOutcome.line(of: TransportError.unavailable("x", reason: "no", retryAfter: nil))
        #expect(!silent.contains("retryAfter"))
    }
}
