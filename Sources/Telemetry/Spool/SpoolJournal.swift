internal import FileSystem

/// Which records are done with, acknowledged or lost, and what was lost: what the lines of a journal add up to.
struct SpoolLedger: Hashable, Sendable {
    private var done = [SequenceRanges](repeating: SequenceRanges(), count: SpoolClass.allCases.count)
    private(set) var losses = SpoolLosses()

    func done(_ spoolClass: SpoolClass) -> SequenceRanges { done[Int(spoolClass.rawValue)] }

    /// A line: records that are done with, or none, and a loss, or none.
    struct Line: Hashable {
        var spoolClass: SpoolClass
        var range: ClosedRange<UInt64>?
        var loss: (reason: SpoolLosses.Reason, amount: SpoolLosses.Amount)?

        static func == (left: Line, right: Line) -> Bool { left.body == right.body }
        func hash(into hasher: inout Hasher) { hasher.combine(body) }

        var body: [UInt8] {
            // A range that is none has its ends the wrong way round.
            [spoolClass.rawValue, loss?.reason.rawValue ?? 0]
                + SpoolFormat.littleEndian(range?.lowerBound ?? 1) + SpoolFormat.littleEndian(range?.upperBound ?? 0)
                + SpoolFormat.littleEndian(loss?.amount.records ?? 0)
                + SpoolFormat.littleEndian(loss?.amount.bytes ?? 0)
        }

        init(
            _ spoolClass: SpoolClass,
            _ range: ClosedRange<UInt64>?,
            lost: (reason: SpoolLosses.Reason, amount: SpoolLosses.Amount)? = nil
        ) {
            self.spoolClass = spoolClass
            self.range = range
            loss = lost
        }

        init?(body: ArraySlice<UInt8>) {
            let bytes = Array(body)
            guard bytes.count == 34, let spoolClass = SpoolClass(rawValue: bytes[0]),
                let reason = SpoolLosses.Reason(rawValue: bytes[1])
            else { return nil }
            func word(_ index: Int) -> UInt64 {
                SpoolFormat.number(bytes[(2 + 8 * index)..<(10 + 8 * index)], as: UInt64.self)
            }
            self.spoolClass = spoolClass
            range = word(0) <= word(1) ? word(0)...word(1) : nil
            loss = (reason, SpoolLosses.Amount(records: word(2), bytes: word(3)))
        }
    }

    mutating func apply(_ line: Line) {
        if let range = line.range { done[Int(line.spoolClass.rawValue)].insert(range) }
        if let (reason, amount) = line.loss {
            losses.add(amount, to: SpoolLosses.Key(spoolClass: line.spoolClass, reason: reason))
        }
    }

    mutating func apply(_ other: SpoolLedger) {
        for spoolClass in SpoolClass.allCases {
            for range in other.done(spoolClass).ranges { done[Int(spoolClass.rawValue)].insert(range) }
        }
        losses.add(other.losses)
    }

    /// Takes everything below the oldest file of each class for done, and where there is no file, everything up to the
    /// highest number known: the holes of what was lost would pile up else.
    mutating func fill(below oldest: [SpoolClass: UInt64]) {
        for spoolClass in SpoolClass.allCases {
            let end = oldest[spoolClass].map { $0 - min($0, 1) } ?? done(spoolClass).highest
            if end > 0, done(spoolClass).highest > 0 { done[Int(spoolClass.rawValue)].insert(1...end) }
        }
    }

    /// The fewest lines that add up to this.
    var lines: [Line] {
        SpoolClass.allCases.flatMap { spoolClass in done(spoolClass).ranges.map { Line(spoolClass, $0) } }
            + losses.sorted.map { Line($0.key.spoolClass, nil, lost: ($0.key.reason, $0.amount)) }
    }
}

/// A file of lines that only grows, until it is written anew with fewer. Its end may be cut off; the rest holds.
struct SpoolJournal {
    /// What the reader of a spool writes: what was acknowledged, and what it found damaged.
    static let acknowledged = "acknowledged"
    /// What the writer of a spool writes: what it had to drop.
    static let dropped = "dropped"
    let name: String
    /// From this size on it is written anew.
    private let limitBytes: Int
    private(set) var ledger = SpoolLedger()
    private var end = 0

    init(
        _ name: String,
        in storage: some SpoolStorage,
        limitBytes: Int = SpoolLimits.defaultJournalBytes
    ) throws(FileError) {
        self.name = name
        self.limitBytes = limitBytes
        guard let bytes = try storage.read(name, limit: SpoolFormat.fileLimit) else { return }
        guard bytes.starts(with: SpoolFormat.journalHeader) else { return }
        let frames = SpoolFormat.bodies(in: bytes, from: SpoolFormat.journalHeader.count)
        for line in frames.bodies.compactMap({ SpoolLedger.Line(body: $0) }) { ledger.apply(line) }
        end = frames.end
    }

    /// Adds lines; when this returns they outlive the process, and after `storage.synchronize` the system.
    mutating func append(_ lines: [SpoolLedger.Line], to storage: some SpoolStorage) throws(FileError) {
        guard !lines.isEmpty else { return }
        let bytes = (end == 0 ? SpoolFormat.journalHeader : []) + lines.flatMap { SpoolFormat.frame($0.body) }
        do throws(FileError) {
            try storage.write(bytes, to: name, at: end)
        } catch {
            // What was written of it must not be read after what comes next.
            try? storage.truncate(name, to: end)
            throw error
        }
        end += bytes.count
        for line in lines { ledger.apply(line) }
    }

    /// Writes it anew where it has grown long. `oldest` is the first number of the oldest file of each class.
    mutating func compact(in storage: some SpoolStorage, oldest: [SpoolClass: UInt64]) throws(FileError) {
        guard end >= limitBytes else { return }
        var short = ledger
        short.fill(below: oldest)
        let bytes = SpoolFormat.journalHeader + short.lines.flatMap { SpoolFormat.frame($0.body) }
        try storage.replace(name, with: bytes)
        ledger = short
        end = bytes.count
    }
}
