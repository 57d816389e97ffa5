internal import WallClock

/// The bytes of the spool's files (docs/telemetry.md). All numbers are little-endian.
enum SpoolFormat {
    /// Begins a segment; the last character is the format's version.
    static let segmentHeader = Array("EDGESPL1".utf8)
    /// Begins a journal.
    static let journalHeader = Array("EDGEJNL1".utf8)
    private static let frameMark = Array("REC:".utf8)
    /// Mark, length of the body, CRC-32C of length and body.
    static let frameHeaderCount = 12
    /// What a record has besides its payload.
    static let recordHeaderCount = 42
    /// More than any file of the spool ever has.
    static let fileLimit = 64 << 20

    // MARK: Frames

    static func frame(_ body: [UInt8]) -> [UInt8] {
        let length = littleEndian(UInt32(truncatingIfNeeded: body.count))
        let checksum = CRC32C.checksum(body[...], after: CRC32C.checksum(length[...]))
        return frameMark + length + littleEndian(checksum) + body
    }

    /// The bodies of all whole frames from `offset`, and where the last of them ends.
    static func bodies(in bytes: [UInt8], from offset: Int) -> (bodies: [ArraySlice<UInt8>], end: Int) {
        var bodies: [ArraySlice<UInt8>] = []
        var offset = offset
        while let length = length(ofFrameAt: offset, in: bytes), length <= bytes.count - offset - frameHeaderCount {
            let start = offset + frameHeaderCount
            let body = bytes[start..<(start + length)]
            let checksum = CRC32C.checksum(body, after: CRC32C.checksum(bytes[(offset + 4)..<(offset + 8)]))
            guard checksum == number(bytes[(offset + 8)..<start], as: UInt32.self) else { break }
            bodies.append(body)
            offset = start + length
        }
        return (bodies, offset)
    }

    /// The length that the frame at `offset` says it has; nil where there is no frame's beginning.
    private static func length(ofFrameAt offset: Int, in bytes: [UInt8]) -> Int? {
        guard bytes.count - offset >= 8, bytes[offset..<(offset + 4)].elementsEqual(frameMark) else { return nil }
        return Int(number(bytes[(offset + 4)..<(offset + 8)], as: UInt32.self))
    }

    /// How many records are damaged behind the last whole frame; 0 where there is nothing, or only what a write leaves
    /// that was cut off: the beginning of one frame.
    static func damagedRecords(in bytes: [UInt8], from offset: Int) -> Int {
        var offset = offset
        var damaged = 0
        while offset < bytes.count {
            let rest = bytes.count - offset
            guard rest >= 8 else {
                let isBeginning = frameMark.starts(with: bytes[offset...].prefix(4))
                return damaged + (isBeginning ? 0 : 1)
            }
            guard let length = length(ofFrameAt: offset, in: bytes) else { return damaged + 1 }
            guard frameHeaderCount + length <= rest else { return damaged }
            damaged += 1
            offset += frameHeaderCount + length
        }
        return damaged
    }

    // MARK: Records

    static func frame(_ record: SpoolRecord) -> [UInt8] {
        var body = littleEndian(record.id.sequence)
        body.reserveCapacity(recordHeaderCount + record.payload.count)
        body += littleEndian(record.stamp.boot.high)
        body += littleEndian(record.stamp.boot.low)
        body += littleEndian(record.stamp.milliseconds)
        body += littleEndian(record.stamp.time.seconds)
        body.append(record.stamp.isClockTrusted ? 1 : 0)
        body.append(record.kind)
        body += record.payload
        return frame(body)
    }

    static func record(_ body: ArraySlice<UInt8>, of spoolClass: SpoolClass) -> SpoolRecord? {
        guard body.count >= recordHeaderCount else { return nil }
        func word(_ index: Int) -> UInt64 { number(body.dropFirst(8 * index).prefix(8), as: UInt64.self) }
        let tail = body.dropFirst(40)
        let stamp = SpoolStamp(
            boot: SpoolBoot(high: word(1), low: word(2)),
            milliseconds: word(3),
            time: UTCTime(seconds: Int64(bitPattern: word(4))),
            isClockTrusted: (tail.first ?? 0) & 1 == 1
        )
        return SpoolRecord(
            id: SpoolID(spoolClass: spoolClass, sequence: word(0)),
            stamp: stamp,
            kind: tail.dropFirst().first ?? 0,
            payload: Array(tail.dropFirst(2))
        )
    }

    /// The records of a segment, and where the last whole one ends; 0 where it hasn't even a header.
    static func records(in bytes: [UInt8], of segment: SpoolSegment) -> (records: [SpoolRecord], end: Int) {
        guard bytes.starts(with: segmentHeader) else { return ([], 0) }
        let (bodies, end) = bodies(in: bytes, from: segmentHeader.count)
        return (bodies.compactMap { record($0, of: segment.spoolClass) }, end)
    }

    // MARK: Numbers

    static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    static func number<Integer: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>, as: Integer.Type) -> Integer {
        bytes.reversed().reduce(0) { $0 << 8 | Integer(truncatingIfNeeded: $1) }
    }
}

/// A segment of a class, by its file's name: `2-00000000000000a1.seg`, with the number of its first record.
struct SpoolSegment: Hashable, Sendable {
    let spoolClass: SpoolClass
    let first: UInt64

    var name: String {
        let digits = String(first, radix: 16)
        return "\(spoolClass.rawValue)-\(String(repeating: "0", count: 16 - digits.utf8.count))\(digits).seg"
    }

    init(spoolClass: SpoolClass, first: UInt64) {
        self.spoolClass = spoolClass
        self.first = first
    }

    /// Nil for the name of anything else.
    init?(name: String) {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = UInt8(parts[0]), let spoolClass = SpoolClass(rawValue: number),
            let first = UInt64(parts[1].prefix(16), radix: 16)
        else { return nil }
        self.init(spoolClass: spoolClass, first: first)
        guard self.name == name else { return nil }
    }
}
