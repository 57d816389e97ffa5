package import FileSystem

/// Puts records into a spool, and drops the oldest of the least important where room is short.
///
/// A record whose `append` has returned outlives the process, however that ends; a record of state outlives the system
/// too, others once `synchronize` has been done, which happens by itself about once a minute.
package struct SpoolWriter<Storage: SpoolStorage> {
    private struct Segment {
        let id: SpoolSegment
        var bytes: Int
    }

    private let storage: Storage
    private let limits: SpoolLimits
    /// Of each class, in order.
    private var segments: [SpoolClass: [Segment]] = [:]
    private var nextSequence: [SpoolClass: UInt64] = [:]
    /// The classes whose last segment takes more.
    private var open: Set<SpoolClass> = []
    private var journal: SpoolJournal
    /// Own journal and the reader's.
    private var ledger: SpoolLedger
    private var unwritten = SpoolLosses()
    private var dirty: Set<SpoolSegment> = []
    private var lastSync: SpoolStamp?

    /// Goes on where the last writer ended, however it did.
    package init(_ storage: Storage, limits: SpoolLimits = SpoolLimits()) throws(FileError) {
        self.storage = storage
        self.limits = limits
        journal = try SpoolJournal(SpoolJournal.dropped, in: storage, limitBytes: limits.journalBytes)
        ledger = journal.ledger
        for (name, bytes) in try storage.list() {
            guard let id = SpoolSegment(name: name) else { continue }
            segments[id.spoolClass, default: []].append(Segment(id: id, bytes: bytes))
        }
        for spoolClass in SpoolClass.allCases {
            segments[spoolClass]?.sort { $0.id.first < $1.id.first }
        }
        ledger.apply(try SpoolJournal(SpoolJournal.acknowledged, in: storage).ledger)
        for spoolClass in SpoolClass.allCases { try resume(spoolClass) }
        try removeFinished()
    }

    /// Looks at a class's last segment: where it ends, and which number comes next.
    private mutating func resume(_ spoolClass: SpoolClass) throws(FileError) {
        let known = ledger.done(spoolClass).highest
        nextSequence[spoolClass] = known + 1
        guard let last = segments[spoolClass]?.last else { return }
        let bytes = try storage.read(last.id.name, limit: SpoolFormat.fileLimit) ?? []
        let (records, end) = SpoolFormat.records(in: bytes, of: last.id)
        // A segment without a record would have the name of the next one.
        let next = records.last.map { $0.id.sequence + 1 } ?? last.id.first
        let damaged = SpoolFormat.damagedRecords(
            in: bytes,
            from: max(end, min(bytes.count, SpoolFormat.segmentHeader.count))
        )
        if damaged > 0 {
            // It is left as it is. The numbers of what can't be read are not given again, so the gap tells of them.
            nextSequence[spoolClass] = max(known + 1, next + UInt64(damaged))
            return
        }
        nextSequence[spoolClass] = max(known + 1, next)
        guard !records.isEmpty else {
            try storage.remove(last.id.name)
            segments[spoolClass]?.removeLast()
            return
        }
        if end < bytes.count {
            try storage.truncate(last.id.name, to: end)
            let index = count(spoolClass) - 1
            segments[spoolClass]?[index].bytes = end
        }
        // Numbers in a segment have no gaps.
        if known < next { open.insert(spoolClass) }
    }

    private func count(_ spoolClass: SpoolClass) -> Int { segments[spoolClass]?.count ?? 0 }

    /// Bytes of all segments.
    package var bytes: Int { SpoolClass.allCases.reduce(0) { $0 + bytes(of: $1) } }

    /// Bytes of a class's segments.
    package func bytes(of spoolClass: SpoolClass) -> Int {
        (segments[spoolClass] ?? []).reduce(0) { $0 + $1.bytes }
    }

    /// What was lost since the spool was made, as of the last look at what the reader has found.
    package var losses: SpoolLosses {
        var losses = ledger.losses
        losses.add(unwritten)
        return losses
    }

    /// The number that the next record of a class gets.
    package func next(_ spoolClass: SpoolClass) -> UInt64 { nextSequence[spoolClass] ?? 1 }

    /// Gives no number below `number` to records of a class any more: for a spool that takes the place of one that was
    /// lost, so that no number is given twice. Nothing is done where that is so already.
    package mutating func skip(to number: UInt64, in spoolClass: SpoolClass) throws(FileError) {
        let next = next(spoolClass)
        guard number > next else { return }
        try close(spoolClass)
        try note([SpoolLedger.Line(spoolClass, next...(number - 1))])
        try storage.synchronize(journal.name)
        nextSequence[spoolClass] = number
    }

    /// Counts what was lost on the way to the spool, or with the one before it.
    package mutating func count(
        lost amount: SpoolLosses.Amount,
        of spoolClass: SpoolClass,
        _ reason: SpoolLosses.Reason
    ) {
        unwritten.add(amount, to: SpoolLosses.Key(spoolClass: spoolClass, reason: reason))
        try? writeLosses()
    }

    // MARK: Appending

    /// Adds a record and gives its number. What it has to drop for it is counted first.
    package mutating func append(
        _ payload: [UInt8],
        kind: UInt8 = 0,
        to spoolClass: SpoolClass,
        at stamp: SpoolStamp
    ) throws(SpoolError) -> SpoolID {
        let id = SpoolID(spoolClass: spoolClass, sequence: nextSequence[spoolClass] ?? 1)
        let record = SpoolRecord(id: id, stamp: stamp, kind: kind, payload: payload)
        let frame = SpoolFormat.frame(record)
        let needed = SpoolFormat.segmentHeader.count + frame.count
        let limit = limits.classBytes[spoolClass] ?? limits.totalBytes
        guard payload.count <= limits.recordBytes, needed <= min(limit, limits.totalBytes) else {
            count(lost: frame.count, of: spoolClass, .tooLarge)
            throw .tooLarge(bytes: payload.count, limit: limits.recordBytes)
        }
        let hasRoom: Bool
        do throws(FileError) {
            if let last = segments[spoolClass]?.last, last.bytes + frame.count > limits.segmentBytes {
                try close(spoolClass)
            }
            hasRoom = try makeRoom(needed, for: spoolClass, limit: limit)
            if hasRoom { try write(frame, of: id) }
        } catch {
            count(lost: frame.count, of: spoolClass, .unwritable)
            throw .file(error)
        }
        guard hasRoom else {
            count(lost: frame.count, of: spoolClass, .full)
            throw .full(spoolClass)
        }
        nextSequence[spoolClass] = id.sequence + 1
        do throws(FileError) { try synchronizeIfDue(spoolClass, stamp) } catch { throw .file(error) }
        return id
    }

    private mutating func write(_ frame: [UInt8], of id: SpoolID) throws(FileError) {
        if open.contains(id.spoolClass), let last = segments[id.spoolClass]?.last {
            do throws(FileError) {
                try storage.write(frame, to: last.id.name, at: last.bytes)
            } catch {
                try? storage.truncate(last.id.name, to: last.bytes)
                throw error
            }
            let index = count(id.spoolClass) - 1
            segments[id.spoolClass]?[index].bytes += frame.count
            dirty.insert(last.id)
            return
        }
        let segment = SpoolSegment(spoolClass: id.spoolClass, first: id.sequence)
        let bytes = SpoolFormat.segmentHeader + frame
        do throws(FileError) {
            try storage.write(bytes, to: segment.name, at: 0)
        } catch {
            try? storage.remove(segment.name)
            throw error
        }
        segments[id.spoolClass, default: []].append(Segment(id: segment, bytes: bytes.count))
        open.insert(id.spoolClass)
        dirty.insert(segment)
    }

    /// A loss that needs no file to go: written down where that is possible, else with the next.
    private mutating func count(lost bytes: Int, of spoolClass: SpoolClass, _ reason: SpoolLosses.Reason) {
        count(lost: SpoolLosses.Amount(records: 1, bytes: UInt64(bytes)), of: spoolClass, reason)
    }

    private mutating func writeLosses() throws(FileError) {
        try note(unwritten.sorted.map { SpoolLedger.Line($0.key.spoolClass, nil, lost: ($0.key.reason, $0.amount)) })
        unwritten = SpoolLosses()
    }

    private mutating func note(_ lines: [SpoolLedger.Line]) throws(FileError) {
        try journal.append(lines, to: storage)
        for line in lines { ledger.apply(line) }
        try journal.compact(in: storage, oldest: oldestSequences)
    }

    // MARK: Dropping

    /// False where only what is more important could be dropped.
    private mutating func makeRoom(_ needed: Int, for spoolClass: SpoolClass, limit: Int) throws(FileError) -> Bool {
        var hasRefreshed = false
        while true {
            let victim: SpoolClass?
            if bytes(of: spoolClass) + needed > limit {
                victim = spoolClass
            } else if bytes + needed > limits.totalBytes {
                victim = SpoolClass.allCases.last { $0 >= spoolClass && count($0) > 0 }
                guard victim != nil else { return false }
            } else {
                return true
            }
            if !hasRefreshed {
                // Acknowledged segments may be all that has to go.
                hasRefreshed = true
                try refresh()
            } else if let victim {
                try dropOldest(of: victim)
            }
        }
    }

    private mutating func dropOldest(of spoolClass: SpoolClass) throws(FileError) {
        guard let oldest = segments[spoolClass]?.first, let range = range(of: spoolClass, at: 0) else { return }
        let total = range.upperBound - range.lowerBound + 1
        let lost = total - ledger.done(spoolClass).count(in: range)
        let size = UInt64(max(0, oldest.bytes - SpoolFormat.segmentHeader.count))
        let amount = SpoolLosses.Amount(records: lost, bytes: UInt64(Double(size) * Double(lost) / Double(total)))
        // First counted, on the disk too, then dropped; the other way round a power cut would hide the loss.
        try note([SpoolLedger.Line(spoolClass, range, lost: (.evicted, amount))])
        try storage.synchronize(journal.name)
        try removeSegment(of: spoolClass, at: 0)
    }

    private var oldestSequences: [SpoolClass: UInt64] { segments.compactMapValues { $0.first?.id.first } }

    /// The numbers of a segment's records; nil where it has none.
    private func range(of spoolClass: SpoolClass, at index: Int) -> ClosedRange<UInt64>? {
        guard let all = segments[spoolClass], all.indices.contains(index) else { return nil }
        let end = index + 1 < all.count ? all[index + 1].id.first : nextSequence[spoolClass] ?? 1
        return end > all[index].id.first ? all[index].id.first...(end - 1) : nil
    }

    private mutating func removeSegment(of spoolClass: SpoolClass, at index: Int) throws(FileError) {
        guard let segment = segments[spoolClass]?[index] else { return }
        try storage.remove(segment.id.name)
        if index == count(spoolClass) - 1 { open.remove(spoolClass) }
        segments[spoolClass]?.remove(at: index)
        dirty.remove(segment.id)
    }

    /// Takes note of what the reader has acknowledged, and removes the segments that are done with.
    package mutating func refresh() throws(FileError) {
        ledger = journal.ledger
        ledger.apply(try SpoolJournal(SpoolJournal.acknowledged, in: storage).ledger)
        try removeFinished()
        if !unwritten.amounts.isEmpty { try writeLosses() }
    }

    private mutating func removeFinished() throws(FileError) {
        for spoolClass in SpoolClass.allCases {
            for index in (0..<count(spoolClass)).reversed() {
                guard let range = range(of: spoolClass, at: index), ledger.done(spoolClass).covers(range) else {
                    continue
                }
                try removeSegment(of: spoolClass, at: index)
            }
        }
    }

    // MARK: The disk

    private mutating func close(_ spoolClass: SpoolClass) throws(FileError) {
        open.remove(spoolClass)
        guard let last = segments[spoolClass]?.last?.id, dirty.contains(last) else { return }
        try storage.synchronize(last.name)
        dirty.remove(last)
    }

    private mutating func synchronizeIfDue(_ spoolClass: SpoolClass, _ stamp: SpoolStamp) throws(FileError) {
        if let lastSync, lastSync.boot == stamp.boot {
            if stamp.milliseconds >= lastSync.milliseconds + limits.syncMilliseconds {
                try synchronize()
                self.lastSync = stamp
            }
        } else {
            lastSync = stamp
        }
        // They are few, and the ones that matter after a power cut.
        guard spoolClass == .state, let last = segments[.state]?.last?.id, dirty.contains(last) else { return }
        try storage.synchronize(last.name)
        dirty.remove(last)
    }

    /// Has the disk hold all records; for the end of a program, and whenever more must not be lost to a power cut.
    package mutating func synchronize() throws(FileError) {
        for segment in dirty.sorted(by: { $0.name < $1.name }) {
            try storage.synchronize(segment.name)
            dirty.remove(segment)
        }
    }
}
