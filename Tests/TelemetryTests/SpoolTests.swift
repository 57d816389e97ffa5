import Diagnostics
import FileSystem
import Glibc
import Testing
import WallClock

@testable import Telemetry

private func stamp(_ milliseconds: UInt64, boot: UInt64 = 1) -> SpoolStamp {
    SpoolStamp(
        boot: SpoolBoot(high: boot, low: 2),
        milliseconds: milliseconds,
        clock: .trusted(UTCTime(seconds: 1_763_643_600))
    )
}

/// Room for a few segments of a few records each.
private let small: SpoolLimits = {
    var limits = SpoolLimits()
    limits.totalBytes = 2_000
    limits.classBytes = [.state: 700, .metrics: 700, .logs: 700, .samples: 700]
    limits.segmentBytes = 220
    limits.recordBytes = 200
    return limits
}()

@Suite struct SpoolTests {
    private let storage = MemoryStorage()

    private func sequences(_ records: [SpoolRecord]) -> [String] {
        records.map { "\($0.id.spoolClass.name) \($0.id.sequence)" }
    }

    @Test func givesNewestStateFirstAndThenFillsBack() throws {
        var writer = try SpoolWriter(storage, limits: small)
        for number in 1...4 as ClosedRange<UInt64> {
            for spoolClass in [SpoolClass.logs, .state] {
                _ = try writer.append([UInt8(number)], kind: 9, to: spoolClass, at: stamp(number))
            }
        }
        var reader = try SpoolReader(storage)
        let newest = try reader.next(.newest, limitBytes: 6)
        #expect(sequences(newest) == ["state 4", "state 3", "state 2", "state 1", "logs 4", "logs 3"])
        #expect(newest.first?.payload == [4])
        #expect(newest.first?.kind == 9)
        #expect(newest.first?.stamp == stamp(4))
        try reader.acknowledge(newest.prefix(5).map(\.id))
        #expect(sequences(try reader.next(.oldest, limitBytes: 100)) == ["logs 1", "logs 2", "logs 3"])
        #expect(sequences(try reader.next(.newest, limitBytes: 0)) == ["logs 3"])
        try writer.refresh()
        #expect(writer.bytes(of: .state) == 0)
        // Numbers go on where all files are gone.
        var next = try SpoolWriter(storage, limits: small)
        #expect(try next.append([1], to: .state, at: stamp(9)).sequence == 5)
        #expect(next.losses.records == 0)
    }

    @Test func dropsTheOldestOfItsClassAndCountsIt() throws {
        var writer = try SpoolWriter(storage, limits: small)
        for number in 1...30 as ClosedRange<UInt64> {
            _ = try writer.append([1], to: .logs, at: stamp(number))
            #expect(writer.bytes(of: .logs) <= 700)
        }
        var reader = try SpoolReader(storage)
        let left = try reader.next(.oldest, limitBytes: 1_000)
        #expect(left.last?.id.sequence == 30)
        let key = SpoolLosses.Key(spoolClass: .logs, reason: .evicted)
        #expect(writer.losses.amounts[key]?.records == UInt64(30 - left.count))
        #expect(try reader.losses() == writer.losses)
        #expect(try SpoolWriter(storage, limits: small).losses == writer.losses)
        let metric = try #require(writer.losses.metrics(time: 5).first)
        let attributes = [
            TelemetryAttribute("edge.spool.class", "logs"), TelemetryAttribute("edge.spool.reason", "evicted"),
        ]
        let point = NumberPoint(PointLabels(attributes, time: 5), .integer(Int64(30 - left.count)))
        #expect(metric.data == .sum([point], .cumulative, isMonotonic: true))
    }

    @Test func dropsTheLeastImportantFirst() throws {
        var writer = try SpoolWriter(storage, limits: small)
        for spoolClass in [SpoolClass.samples, .logs, .metrics, .state] {
            for number in 1...20 as ClosedRange<UInt64> {
                _ = try writer.append([1], to: spoolClass, at: stamp(number))
            }
        }
        #expect(writer.bytes <= 2_000)
        #expect(writer.bytes(of: .state) > 400)
        #expect(writer.bytes(of: .metrics) > 400)
        #expect(writer.bytes(of: .samples) == 0)
        // Once all the room is taken by what is more important, nothing is dropped for a sample.
        var limits = small
        limits.totalBytes = 700
        var full = try SpoolWriter(storage.afterDeath(), limits: limits)
        #expect(throws: SpoolError.full(.samples)) { try full.append([1], to: .samples, at: stamp(1)) }
        #expect(full.losses.amounts[SpoolLosses.Key(spoolClass: .samples, reason: .full)]?.records == 1)
    }

    @Test func refusesARecordThatIsTooLarge() throws {
        var writer = try SpoolWriter(storage, limits: small)
        let payload = [UInt8](repeating: 0, count: 201)
        #expect(throws: SpoolError.tooLarge(bytes: 201, limit: 200)) {
            try writer.append(payload, to: .logs, at: stamp(1))
        }
        let key = SpoolLosses.Key(spoolClass: .logs, reason: .tooLarge)
        #expect(try SpoolReader(storage).losses().amounts[key]?.records == 1)
    }

    @Test func goesOnWhenTheDiskHasRoomAgain() throws {
        var writer = try SpoolWriter(storage, limits: small)
        _ = try writer.append([1], to: .logs, at: stamp(1))
        // The record, and the journal's line about its loss.
        storage.writeErrors = [ENOSPC, ENOSPC]
        #expect(throws: SpoolError.self) { try writer.append([2], to: .logs, at: stamp(2)) }
        #expect(writer.losses.records == 1)
        #expect(try writer.append([3], to: .logs, at: stamp(3)).sequence == 2)
        try writer.refresh()
        var reader = try SpoolReader(storage)
        #expect(try reader.next(.oldest, limitBytes: 100).map(\.payload) == [[1], [3]])
        #expect(try reader.losses().amounts[SpoolLosses.Key(spoolClass: .logs, reason: .unwritable)]?.records == 1)
    }

    @Test func dropsATornTail() throws {
        var writer = try SpoolWriter(storage, limits: small)
        for number in 1...2 as ClosedRange<UInt64> { _ = try writer.append([7], to: .logs, at: stamp(number)) }
        let name = SpoolSegment(spoolClass: .logs, first: 1).name
        let whole = try #require(storage.files[name])
        for cut in 1...whole.count {
            let torn = MemoryStorage([name: Array(whole.dropLast(cut))])
            var next = try SpoolWriter(torn, limits: small)
            let id = try next.append([8], to: .logs, at: stamp(3))
            var reader = try SpoolReader(torn)
            let records = try reader.next(.oldest, limitBytes: 100)
            #expect(records.map(\.id.sequence) == Array(1...id.sequence), "\(cut)")
            #expect(records.last?.payload == [8])
            #expect(try reader.losses().records == 0)
        }
    }

    /// Every byte of a closed segment changed: what can't be read any more is counted, once, and the rest is there.
    @Test func countsWhatIsDamaged() throws {
        var writer = try SpoolWriter(storage, limits: small)
        for number in 1...8 as ClosedRange<UInt64> { _ = try writer.append([7], to: .logs, at: stamp(number)) }
        let name = SpoolSegment(spoolClass: .logs, first: 1).name
        for index in try #require(storage.files[name]).indices {
            let damaged = storage.afterDeath()
            damaged.damage(name) { $0[index] ^= 0x10 }
            var reader = try SpoolReader(damaged)
            for _ in 0..<2 {
                let records = try reader.next(.newest, limitBytes: 100)
                let lost = try reader.losses().records
                #expect(records.count + Int(lost) == 8, "\(index)")
                #expect(lost > 0)
            }
            try reader.acknowledge(try reader.next(.oldest, limitBytes: 100).map(\.id))
            var next = try SpoolWriter(damaged, limits: small)
            try next.refresh()
            #expect(next.bytes == 0)
            #expect(try next.append([1], to: .logs, at: stamp(9)).sequence == 9)
        }
    }

    /// The same in the last segment: the numbers of what is lost are not given again.
    @Test func damageInTheLastSegmentIsCountedOnceItIsClosed() throws {
        var writer = try SpoolWriter(storage, limits: small)
        for number in 1...3 as ClosedRange<UInt64> { _ = try writer.append([7], to: .logs, at: stamp(number)) }
        storage.damage(SpoolSegment(spoolClass: .logs, first: 1).name) { $0[$0.count - 60] ^= 1 }
        var next = try SpoolWriter(storage, limits: small)
        #expect(try next.append([8], to: .logs, at: stamp(4)).sequence == 4)
        var reader = try SpoolReader(storage)
        let records = try reader.next(.oldest, limitBytes: 100)
        #expect(records.last?.payload == [8])
        #expect(records.count + Int(try reader.losses().records) == 4)
    }

    @Test func synchronizesSeldom() throws {
        var limits = SpoolLimits()
        limits.segmentBytes = 1 << 20
        var writer = try SpoolWriter(storage, limits: limits)
        // Ten minutes of a record each second.
        for second in 0..<600 as Range<UInt64> { _ = try writer.append([1], to: .logs, at: stamp(second * 1_000)) }
        #expect(storage.changes == 600 + 9)
    }

    @Test func journalsStayShort() throws {
        var limits = small
        limits.journalBytes = 2_000
        var writer = try SpoolWriter(storage, limits: limits)
        var reader = try SpoolReader(storage, journalBytes: 2_000)
        for number in 1...600 as ClosedRange<UInt64> {
            _ = try writer.append([1], to: .metrics, at: stamp(number))
            // Every third arrives.
            if number % 3 == 0 { try reader.acknowledge([SpoolID(spoolClass: .metrics, sequence: number)]) }
        }
        try writer.refresh()
        for name in [SpoolJournal.acknowledged, SpoolJournal.dropped] {
            #expect((storage.files[name]?.count ?? 0) <= 2_000 + 100, "\(name)")
        }
        let left = try reader.next(.oldest, limitBytes: 10_000)
        #expect(try reader.losses() == writer.losses)
        #expect(left.allSatisfy { $0.id.sequence % 3 != 0 })
        #expect(Int(writer.losses.records) + left.count + 600 / 3 == 600)
    }

    @Test func worksOnADisk() throws {
        let folder = try TemporaryDirectory(prefix: "spool-tests")
        let path = "\(folder.path)/spool"
        var writer = try SpoolWriter(try SpoolFolder(path, as: .writer), limits: small)
        var reader = try SpoolReader(try SpoolFolder(path, as: .reader))
        for number in 1...30 as ClosedRange<UInt64> { _ = try writer.append([1], to: .state, at: stamp(number)) }
        let records = try reader.next(.newest, limitBytes: 1_000)
        #expect(records.first?.id.sequence == 30)
        #expect(try FileSystem.status(of: path)?.permissions == 0o700)
        #expect(records.count + Int(try reader.losses().records) == 30)
        try reader.acknowledge(records.map(\.id))
        try writer.refresh()
        try writer.synchronize()
        #expect(try reader.next(.newest, limitBytes: 1_000).isEmpty)
        #expect(try FileSystem.names(in: path).filter { $0.hasSuffix(".seg") }.isEmpty)
    }

    @Test func bootIDsAreUUIDs() {
        let text = "01234567-89ab-cdef-0123-456789abcdef"
        #expect(SpoolBoot(text)?.description == text)
        for wrong in [
            "", "0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdeg", "+1234567-89ab-cdef-0123-456789abcdef",
        ] {
            #expect(SpoolBoot(wrong) == nil)
        }
    }

    /// The check value of the catalogue of CRC algorithms, and RFC 3720 appendix B.4.
    @Test func checksums() {
        #expect(CRC32C.checksum(Array("123456789".utf8)[...]) == 0xe306_9283)
        let zeros = [UInt8](repeating: 0, count: 32)
        #expect(CRC32C.checksum(zeros[...]) == 0x8a91_36aa)
        #expect(CRC32C.checksum(zeros[5...], after: CRC32C.checksum(zeros[..<5])) == 0x8a91_36aa)
    }
}

@Suite struct SequenceRangesTests {
    @Test(arguments: 0..<20) func isASet(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        var ranges = SequenceRanges()
        var model = Set<UInt64>()
        for _ in 0..<40 {
            let start = UInt64.random(in: 0..<100, using: &generator)
            let range = start...(start + UInt64.random(in: 0..<8, using: &generator))
            ranges.insert(range)
            model.formUnion(range)
            #expect((0..<110).allSatisfy { ranges.contains($0) == model.contains($0) })
            #expect(ranges.count(in: 10...60) == UInt64(model.filter { (10...60).contains($0) }.count))
            #expect(ranges.covers(range))
            #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound })
        }
        ranges.insert(5...UInt64.max)
        ranges.insert(0...UInt64.max)
        #expect(ranges.ranges == [0...UInt64.max])
    }
}
