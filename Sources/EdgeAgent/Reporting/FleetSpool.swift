internal import Deployment
internal import FileSystem
internal import Glibc
internal import Telemetry
internal import WallClock

/// What a record of the spool is, for the helper that sends it.
package enum SpoolKind {
    /// A ``FleetProtocol/CheckIn`` as JSON, without events.
    package static let snapshot: UInt8 = 1
    /// A ``FleetProtocol/EventReport`` as JSON.
    package static let event: UInt8 = 2
    /// A `MetricsExport` as protobuf.
    package static let metrics: UInt8 = 3
    /// A `LogsExport` as protobuf.
    package static let logs: UInt8 = 4
}

/// The resident's end of the spool: opened when the disk lets it, moved aside when it is damaged, never in the way.
struct FleetSpool {
    private let layout: StoreLayout
    private let say: (String) -> Void
    private var writer: SpoolWriter<SpoolFolder>?
    /// Why it can't be written, as it was last said; nil while it can.
    private(set) var problem: String?
    private var nextTry: Duration = .zero
    /// What was lost while there was no spool to count it in.
    private var uncounted: [SpoolClass: SpoolLosses.Amount] = [:]

    private static let pause = Duration.seconds(30)
    /// Room on the disk below which nothing but state is written: updates come first.
    private static let leastRoom = 8 << 20
    /// Bytes that are held on the disk, and let go when it is full, so that the fleet can be told.
    private static let reserveBytes = 512 << 10
    /// A segment holds fewer records: each has more than 50 bytes besides its payload.
    private static let recordsOfSegment: UInt64 = 8192

    init(_ layout: StoreLayout, say: @escaping (String) -> Void) {
        self.layout = layout
        self.say = say
    }

    var isOpen: Bool { writer != nil }
    var losses: SpoolLosses { writer?.losses ?? SpoolLosses() }
    func bytes(of spoolClass: SpoolClass) -> Int { writer?.bytes(of: spoolClass) ?? 0 }

    /// The number of the next record; nil while there is no spool.
    func next(_ spoolClass: SpoolClass) -> Int? { writer.map { Int(clamping: $0.next(spoolClass)) } }

    /// Has it ready where the disk lets it. False where it can't be written now.
    ///
    /// - Parameters:
    ///   - least: a number that records of state must not fall below.
    ///   - time: what a new spool begins to count at: records are fewer than seconds, so that its numbers are above those
    ///     of any spool that was there before. Receivers take a smaller one for old.
    mutating func open(least: Int, time: UTCTime, at now: Duration) -> Bool {
        if writer != nil { return true }
        guard now >= nextTry else { return false }
        let base = UInt64(clamping: max(1, time.seconds))
        do throws(FileError) {
            try open(least: least, base: base)
        } catch {
            guard Self.isDamage(error) else { return failed(error.message, at: now) }
            do throws(FileError) {
                try moveAside(because: error, least: least, base: base)
            } catch {
                return failed(error.message, at: now)
            }
        }
        recovered()
        return true
    }

    private mutating func open(least: Int, base: UInt64) throws(FileError) {
        var writer = try SpoolWriter(try SpoolFolder(layout.spool, as: .writer))
        for spoolClass in SpoolClass.allCases where writer.next(spoolClass) == 1 {
            try writer.skip(to: base, in: spoolClass)
        }
        try writer.skip(to: UInt64(max(least, 1)), in: .state)
        for (spoolClass, amount) in uncounted { writer.count(lost: amount, of: spoolClass, .unwritable) }
        uncounted = [:]
        self.writer = writer
    }

    private mutating func failed(_ words: String, at now: Duration) -> Bool {
        nextTry = now + Self.pause
        if problem != words { say("the spool can't be written: \(words)") }
        problem = words
        return false
    }

    private mutating func recovered() {
        if problem != nil { say("the spool can be written again") }
        problem = nil
    }

    /// Whether an error says that the files are not what they should be; else they may be readable later.
    static func isDamage(_ error: FileError) -> Bool {
        switch error {
        case .failed(_, _, let code): [EIO, EISDIR, ENOTDIR, ELOOP, EUCLEAN, EBADMSG, EINVAL].contains(code)
        case .noRoom: false
        case .tooLarge, .wrongKind, .occupied, .changed, .notUTF8, .treeTooLarge: true
        }
    }

    /// Begins anew, with numbers that the spool before can't have given.
    private mutating func moveAside(because error: FileError, least: Int, base: UInt64) throws(FileError) {
        writer = nil
        let found = contents()
        try FileSystem.removeTree(layout.damagedSpool)
        try FileSystem.rename(layout.spool, to: layout.damagedSpool)
        say("the spool is damaged and was moved to \(layout.damagedSpool): \(error.message)")
        try open(least: least, base: base)
        for (spoolClass, segments) in found {
            try writer?.skip(to: segments.end, in: spoolClass)
            let lost = SpoolLosses.Amount(records: UInt64(segments.count), bytes: segments.bytes)
            // How many records a segment had is not known any more: at least one.
            writer?.count(lost: lost, of: spoolClass, .damaged)
        }
    }

    /// What the names of its segments tell: how many, how large, and a number that is above all of theirs.
    private func contents() -> [SpoolClass: (count: Int, bytes: UInt64, end: UInt64)] {
        var found: [SpoolClass: (count: Int, bytes: UInt64, end: UInt64)] = [:]
        for name in (try? FileSystem.names(in: layout.spool)) ?? [] {
            let parts = name.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, parts[1].hasSuffix(".seg"), let number = UInt8(parts[0]),
                let spoolClass = SpoolClass(rawValue: number), let first = UInt64(parts[1].dropLast(4), radix: 16),
                first < 1 << 52
            else { continue }
            let path = FileSystem.join(layout.spool, name)
            let size = ((try? FileSystem.status(of: path)) ?? nil)?.size ?? 0
            let before = found[spoolClass] ?? (0, 0, 0)
            found[spoolClass] = (
                before.count + 1, before.bytes + UInt64(clamping: size),
                max(before.end, first + Self.recordsOfSegment)
            )
        }
        return found
    }

    /// What became of a record.
    enum Outcome: Equatable {
        case appended
        /// It is larger than a record may be.
        case tooLarge
        /// The disk did not take it; it was counted as lost.
        case unwritable
    }

    mutating func append(
        _ payload: [UInt8],
        kind: UInt8,
        to spoolClass: SpoolClass,
        at stamp: SpoolStamp,
        now: Duration
    ) -> Outcome {
        guard writer != nil else {
            let before = uncounted[spoolClass] ?? SpoolLosses.Amount()
            uncounted[spoolClass] = SpoolLosses.Amount(
                records: before.records + 1,
                bytes: before.bytes + UInt64(payload.count)
            )
            return .unwritable
        }
        if spoolClass != .state, let free = try? FileSystem.freeBytes(at: layout.root), free < Self.leastRoom {
            writer?.count(
                lost: SpoolLosses.Amount(records: 1, bytes: UInt64(payload.count)),
                of: spoolClass,
                .unwritable
            )
            problemMet("the disk is full", at: now)
            return .unwritable
        }
        do throws(SpoolError) {
            do throws(SpoolError) {
                _ = try writer?.append(payload, kind: kind, to: spoolClass, at: stamp)
            } catch {
                guard spoolClass == .state, case .file(.failed(_, _, ENOSPC)) = error, letReserveGo() else {
                    throw error
                }
                _ = try writer?.append(payload, kind: kind, to: spoolClass, at: stamp)
            }
            if spoolClass == .state { recovered() }
            return .appended
        } catch {
            switch error {
            case .tooLarge: return .tooLarge
            case .full: problemMet(error.message, at: now)
            case .file(let file):
                problemMet(file.message, at: now)
                // A folder that has gone is made anew; one that can't be used is found out when it is opened.
                if case .failed(_, _, ENOENT) = file { writer = nil } else if Self.isDamage(file) { writer = nil }
            }
            return .unwritable
        }
    }

    // MARK: Room on a full disk

    private var reserve: String { FileSystem.join(layout.spool, "reserve") }

    /// True where that has made room.
    func letReserveGo() -> Bool { unlink(reserve) == 0 }

    /// Holds room for bad times, where there is plenty.
    func keepReserve() {
        guard writer != nil, ((try? FileSystem.status(of: reserve)) ?? nil) == nil,
            let free = try? FileSystem.freeBytes(at: layout.root), free >= 2 * Self.leastRoom
        else { return }
        let file = Glibc.open(reserve, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        if posix_fallocate(file, 0, Self.reserveBytes) != 0 { unlink(reserve) }
        close(file)
    }

    private mutating func problemMet(_ words: String, at now: Duration) { _ = failed(words, at: now) }

    /// What the helper has acknowledged may go.
    mutating func refresh() { try? writer?.refresh() }

    /// Before the agent ends.
    mutating func synchronize() { try? writer?.synchronize() }
}
