import Deployment
import FleetProtocol
import FleetSimulation
import JSON
import Telemetry
import Testing
import WallClock

@Suite struct SimulatedBoxTests {
    private static let begin = UTCTime(seconds: 1_795_000_000)

    private static func box(_ index: Int = 0, seed: UInt64 = 7) throws -> SimulatedBox {
        let device = try #require(DeviceID("sim-\(index)"))
        return SimulatedBox(device: device, index: index, seed: seed, interval: 10, sequence: 1_000, at: begin)
    }

    private static func checkIns(_ box: inout SimulatedBox, _ count: Int, acknowledging: Bool = true) -> [CheckIn] {
        (0..<count).map { round in
            let checkIn = box.checkIn(at: begin.advanced(by: .seconds(10 * round)))
            if acknowledging { box.acknowledge(checkIn.sequence) }
            return checkIn
        }
    }

    @Test func oneSeedGivesTheSameFleetAndAnotherAnother() throws {
        var (one, same, other) = (try Self.box(), try Self.box(), try Self.box(seed: 8))
        let first = Self.checkIns(&one, 80)
        #expect(first == Self.checkIns(&same, 80))
        #expect(first != Self.checkIns(&other, 80))
        #expect(one.metrics(at: Self.begin) == same.metrics(at: Self.begin))
    }

    @Test func whatItSaysIsReadBackAsItWas() throws {
        var box = try Self.box(3)
        for checkIn in Self.checkIns(&box, 140) {
            let read = try CheckIn(try checkIn.json.canonicalBytes())
            #expect(read == checkIn)
        }
    }

    @Test func numbersRiseAndAnEventComesUntilItIsAcknowledged() throws {
        var box = try Self.box()
        let unheard = Self.checkIns(&box, 40, acknowledging: false)
        for (before, after) in zip(unheard, unheard.dropFirst()) {
            #expect(before.sequence < after.sequence)
            #expect(after.events.starts(with: before.events), "nothing that was not acknowledged is left out")
        }
        let last = try #require(unheard.last)
        #expect(!last.events.isEmpty)
        #expect(last.events.allSatisfy { $0.sequence < last.sequence })
        box.acknowledge(last.sequence)
        #expect(box.checkIn(at: Self.begin).events.allSatisfy { $0.sequence > last.sequence })
    }

    @Test func whatIsNeverAcknowledgedIsBoundedAndCounted() throws {
        var box = try Self.box()
        let last = try #require(Self.checkIns(&box, 8_000, acknowledging: false).last)
        #expect(last.events.count == FleetLimits.events)
        #expect(last.lost.records > 0)
        #expect(try last.json.canonicalBytes().count <= FleetLimits.checkInBytes)
    }

    /// A fleet with nothing to look at would show nothing.
    @Test func aFleetHasEveryKindOfEnd() throws {
        var results: Set<String> = []
        var logs = 0
        for index in 0..<200 {
            var box = try Self.box(index)
            for event in Self.checkIns(&box, 30).flatMap(\.events) {
                results.insert(event.result ?? "-")
                logs += event.log == nil ? 0 : 1
            }
        }
        #expect(results.isSuperset(of: ["successful", "rejected", "failedRollbackComplete", "waitingFor(disk)"]))
        #expect(logs > 0)
        for result in results where result != "-" { #expect(UpdateResult(code: result) != nil, "\(result)") }
    }

    @Test func metricsGoWithEverySixth() throws {
        var box = try Self.box()
        let with = (0..<13).filter { _ in
            _ = box.checkIn(at: Self.begin)
            return box.hasMetrics
        }
        #expect(with == [0, 6, 12])
        #expect(box.metrics(at: Self.begin).pointCount >= 6)
    }
}
