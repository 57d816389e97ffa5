import FileSystem
import Testing
import WallClock

@testable import Telemetry

/// The process killed at every change of the disk, with none, half or all of the change done.
@Suite struct SpoolKillTests {
    private static let limits: SpoolLimits = {
        var limits = SpoolLimits()
        limits.totalBytes = 1_400
        limits.classBytes = [.state: 500, .metrics: 600, .logs: 600, .samples: 500]
        limits.segmentBytes = 220
        limits.syncMilliseconds = 10
        limits.journalBytes = 300
        return limits
    }()

    /// What callers were told until the process was killed.
    private struct Promises {
        var appended: Set<SpoolID> = []
        var acknowledged: Set<SpoolID> = []
        /// Asked to be acknowledged, and not told that they are.
        var undecided: Set<SpoolID> = []
    }

    private static func stamp(_ milliseconds: UInt64) -> SpoolStamp {
        SpoolStamp(
            boot: SpoolBoot(high: 1, low: 1),
            milliseconds: milliseconds,
            clock: .untrusted(floor: UTCTime(seconds: 0))
        )
    }

    /// A writer and a reader at work; ends early where the process is killed.
    private static func work(_ storage: MemoryStorage, _ promises: inout Promises) {
        do {
            var writer = try SpoolWriter(storage, limits: limits)
            var reader = try SpoolReader(storage, journalBytes: 300)
            for number in 0..<70 as Range<UInt64> {
                let spoolClass = SpoolClass.allCases[Int(number * 7 % 11 % 4)]
                let payload = [UInt8](repeating: UInt8(number), count: Int(number % 23))
                promises.appended.insert(try writer.append(payload, to: spoolClass, at: stamp(number)))
                guard number % 9 == 8 else { continue }
                let batch = try reader.next(number % 2 == 0 ? .newest : .oldest, limitBytes: 60)
                promises.undecided = Set(batch.map(\.id))
                try reader.acknowledge(batch.map(\.id))
                promises.acknowledged.formUnion(promises.undecided)
                promises.undecided = []
                if number % 27 == 26 { try writer.refresh() }
                // Restarted in between, too.
                if number % 18 == 17 { writer = try SpoolWriter(storage, limits: limits) }
            }
        } catch {}
    }

    private static func lost(_ losses: SpoolLosses) -> Int { Int(losses.records) }

    private static func check(_ storage: MemoryStorage, _ promises: Promises, isPowerCut: Bool, _ where: String) throws
    {
        var writer = try SpoolWriter(storage, limits: limits)
        var reader = try SpoolReader(storage, journalBytes: 300)
        let there = try reader.next(.oldest, limitBytes: 1 << 20)
        let ids = Set(there.map(\.id))
        #expect(ids.count == there.count, "twice the same, \(`where`)")
        let losses = try reader.losses()
        if isPowerCut {
            // Of state nothing is lost that isn't counted.
            let missing = promises.appended.subtracting(promises.acknowledged).subtracting(promises.undecided)
                .subtracting(ids).filter { $0.spoolClass == .state }
            let counted = losses.amounts.filter { $0.key.spoolClass == .state }.reduce(0) { $0 + Int($1.value.records) }
            #expect(missing.count <= counted, "\(`where`)")
        } else {
            #expect(ids.isDisjoint(with: promises.acknowledged), "acknowledged comes again, \(`where`)")
            let missing = promises.appended.subtracting(promises.acknowledged).subtracting(promises.undecided)
                .subtracting(ids)
            #expect(missing.count == lost(losses), "\(`where`)")
        }
        // Numbers that are known to anybody on this disk are not given again.
        for spoolClass in SpoolClass.allCases {
            let known = ids.union(isPowerCut ? [] : promises.appended).filter { $0.spoolClass == spoolClass }
            let next = try writer.append([], to: spoolClass, at: stamp(1_000)).sequence
            #expect(known.allSatisfy { $0.sequence < next }, "\(`where`)")
        }
        _ = try reader.next(.newest, limitBytes: 1 << 20)
    }

    @Test(arguments: [0, 0.5, 1]) func nothingIsLostAndNothingComesTwice(share: Double) throws {
        let whole = MemoryStorage()
        var all = Promises()
        Self.work(whole, &all)
        #expect(all.appended.count == 70)
        #expect(!all.acknowledged.isEmpty)
        #expect(try Self.lost(SpoolReader(whole).losses()) > 0)
        for change in 1...whole.changes {
            let storage = MemoryStorage()
            storage.death = (change, share)
            var promises = Promises()
            Self.work(storage, &promises)
            let `where` = "killed at change \(change)"
            // Killed once more while it recovers.
            for second in 1...3 {
                let again = storage.afterDeath()
                again.death = (second, share)
                _ = try? SpoolWriter(again, limits: Self.limits)
                try Self.check(again.afterDeath(), promises, isPowerCut: false, "\(`where`), then at \(second)")
            }
            try Self.check(storage.afterDeath(), promises, isPowerCut: false, `where`)
            try Self.check(storage.afterPowerCut(), promises, isPowerCut: true, "power cut at change \(change)")
        }
    }
}
