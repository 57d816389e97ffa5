package import FileSystem
internal import Glibc

/// Reads a spool and acknowledges what has arrived; a writer may be at work meanwhile, in another process too.
///
/// What is acknowledged never comes again, unless the system goes down before the disk has it: receivers must take
/// duplicates (by boot, class and number) all the same.
package struct SpoolReader<Storage: SpoolStorage> {
    /// Which records come first.
    package enum Order: Sendable {
        /// What is now: the most important class first, and of each the newest first.
        case newest
        /// Back-fill: the most important class first, and of each the oldest first.
        case oldest
    }

    private let storage: Storage
    private var journal: SpoolJournal

    /// - Parameter journalBytes: the size at which its journal is written anew, shorter.
    package init(_ storage: Storage, journalBytes: Int = SpoolLimits.defaultJournalBytes) throws(FileError) {
        self.storage = storage
        journal = try SpoolJournal(SpoolJournal.acknowledged, in: storage, limitBytes: journalBytes)
    }

    /// Own journal and the writer's.
    private func ledger() throws(FileError) -> SpoolLedger {
        var ledger = journal.ledger
        ledger.apply(try SpoolJournal(SpoolJournal.dropped, in: storage).ledger)
        return ledger
    }

    /// What was lost since the spool was made.
    package func losses() throws(FileError) -> SpoolLosses { try ledger().losses }

    /// The segments of each class in order, with the numbers that they may hold. The last of a class is still growing.
    private func segments() throws(FileError) -> [SpoolClass: [(
        id: SpoolSegment, range: ClosedRange<UInt64>, isLast: Bool
    )]] {
        let all = try storage.list().compactMap { SpoolSegment(name: $0.name) }
        return Dictionary(grouping: all, by: \.spoolClass).mapValues { segments in
            let segments = segments.sorted { $0.first < $1.first }
            return segments.enumerated().map { index, segment in
                let isLast = index + 1 == segments.count
                let end = isLast ? UInt64.max : segments[index + 1].first - 1
                return (segment, segment.first...max(segment.first, end), isLast)
            }
        }
    }

    /// Records that are not acknowledged, of at most `limitBytes` payload together, but at least one where there is any.
    /// The same come again until they are acknowledged.
    package mutating func next(_ order: Order, limitBytes: Int) throws(FileError) -> [SpoolRecord] {
        var batch: [SpoolRecord] = []
        var bytes = 0
        let ledger = try ledger()
        let all = try segments()
        for spoolClass in SpoolClass.allCases {
            let done = ledger.done(spoolClass)
            let segments = all[spoolClass] ?? []
            for segment in order == .newest ? segments.reversed() : segments {
                guard !done.covers(segment.range) else { continue }
                let waiting = try waiting(in: segment.id, range: segment.range, isLast: segment.isLast, done)
                for record in order == .newest ? waiting.reversed() : waiting {
                    bytes += record.payload.count
                    guard batch.isEmpty || bytes <= limitBytes else { return batch }
                    batch.append(record)
                }
            }
        }
        return batch
    }

    /// The records of a segment that are not done with. What a closed segment lacks is counted as damaged.
    private mutating func waiting(
        in segment: SpoolSegment,
        range: ClosedRange<UInt64>,
        isLast: Bool,
        _ done: SequenceRanges
    ) throws(FileError) -> [SpoolRecord] {
        let bytes: [UInt8]
        do throws(FileError) {
            // The writer may have removed it meanwhile.
            guard let read = try storage.read(segment.name, limit: SpoolFormat.fileLimit) else { return [] }
            bytes = read
        } catch .failed(_, _, EIO) {
            // One bad block must not hold up the rest for ever.
            bytes = []
        }
        let records = SpoolFormat.records(in: bytes, of: segment).records.filter { range.contains($0.id.sequence) }
        if !isLast {
            var known = done
            for record in records { known.insert(record.id.sequence...record.id.sequence) }
            let missing = range.upperBound - range.lowerBound + 1 - known.count(in: range)
            if missing > 0 {
                var lines: [SpoolLedger.Line] = []
                var next = range.lowerBound
                for there in known.ranges
                where there.upperBound >= range.lowerBound && there.lowerBound <= range.upperBound {
                    if there.lowerBound > next {
                        lines.append(.init(segment.spoolClass, next...(there.lowerBound - 1)))
                    }
                    next = there.upperBound == .max ? .max : max(next, there.upperBound + 1)
                }
                if next <= range.upperBound { lines.append(.init(segment.spoolClass, next...range.upperBound)) }
                let amount = SpoolLosses.Amount(records: missing, bytes: 0)
                lines[lines.count - 1].loss = (.damaged, amount)
                try journal.append(lines, to: storage)
            }
        }
        return records.filter { !done.contains($0.id.sequence) }
    }

    /// Has these never come again. When it returns that outlives the process.
    package mutating func acknowledge(_ ids: some Sequence<SpoolID>) throws(FileError) {
        var ranges: [SpoolClass: SequenceRanges] = [:]
        for id in ids { ranges[id.spoolClass, default: SequenceRanges()].insert(id.sequence...id.sequence) }
        let lines = SpoolClass.allCases.flatMap { spoolClass in
            (ranges[spoolClass]?.ranges ?? []).map { SpoolLedger.Line(spoolClass, $0) }
        }
        try journal.append(lines, to: storage)
        let oldest = try segments().compactMapValues { $0.first?.id.first }
        try journal.compact(in: storage, oldest: oldest)
    }
}
