import Diagnostics
import Gzip
import Testing

@Suite struct GzipTests {
    /// `python3 -c "import gzip; gzip.compress(b'hello, fleet\n' * 3, mtime=0)"`
    static let ofPython: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7,
        0x51, 0x48, 0xcb, 0x49, 0x4d, 0x2d, 0xe1, 0xca, 0xc0, 0xc9, 0x01, 0x00, 0x2d, 0xb9, 0x13, 0x8d,
        0x27, 0x00, 0x00, 0x00,
    ]

    /// `gzip greeting`, with the time and name that it writes.
    static let ofGzip: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x08, 0x73, 0x65, 0x00, 0x6b, 0x00, 0x03, 0x67, 0x72, 0x65, 0x65, 0x74, 0x69,
        0x6e, 0x67, 0x00, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0xd7, 0x51, 0x48, 0xcb, 0x49, 0x4d, 0x2d, 0xe1,
        0x02, 0x00, 0x45, 0x99, 0xd3, 0xf3, 0x0d, 0x00, 0x00, 0x00,
    ]

    @Test(arguments: [0, 1, 1000, 65_535, 65_536, 65_537, 3_000_000])
    func whatWasPackedUnpacks(count: Int) throws {
        let bytes = Self.bytes(count)
        let packed = Gzip.compress(bytes)
        #expect(try Gzip.decompress(packed, limitBytes: count) == bytes)
        #expect(Gzip.compress(bytes) == packed)
    }

    @Test func theHeaderHoldsNoTimeAndNoName() {
        #expect(Array(Gzip.compress([1, 2, 3]).prefix(8)) == [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
    }

    @Test func whatOthersPackedUnpacks() throws {
        let line = "hello, fleet\n"
        #expect(try Gzip.decompress(Self.ofPython, limitBytes: 100) == Array((line + line + line).utf8))
        #expect(try Gzip.decompress(Self.ofGzip, limitBytes: 100) == Array(line.utf8))
    }

    @Test func severalMembersAreOneContent() throws {
        let packed = Gzip.compress([1, 2]) + Gzip.compress([]) + Gzip.compress(Self.bytes(70_000))
        #expect(try Gzip.decompress(packed, limitBytes: 70_002) == [1, 2] + Self.bytes(70_000))
    }

    @Test func theLimitIsExact() throws {
        let packed = Gzip.compress(Array(repeating: 7, count: 100_000))
        #expect(try Gzip.decompress(packed, limitBytes: 100_000).count == 100_000)
        #expect(throws: GzipError.tooLarge(limitBytes: 99_999)) {
            try Gzip.decompress(packed, limitBytes: 99_999)
        }
        #expect(throws: GzipError.tooLarge(limitBytes: 0)) { try Gzip.decompress(packed, limitBytes: 0) }
        #expect(try Gzip.decompress(Gzip.compress([]), limitBytes: 0) == [])
        #expect(throws: GzipError.tooLarge(limitBytes: 3)) {
            try Gzip.decompress(Gzip.compress([1, 2]) + Gzip.compress([3, 4]), limitBytes: 3)
        }
    }

    @Test func aBombStopsAtTheLimit() {
        // A hundred members of a million zeros each, in 100 KB.
        let member = Gzip.compress(Array(repeating: 0, count: 1_000_000))
        let bomb = (0..<100).flatMap { _ in member }
        #expect(throws: GzipError.tooLarge(limitBytes: 4096)) { try Gzip.decompress(bomb, limitBytes: 4096) }
    }

    @Test func everyCutIsRefused() {
        let packed = Gzip.compress(Self.bytes(300))
        for count in 0..<packed.count {
            #expect(throws: GzipError.truncated) {
                try Gzip.decompress(Array(packed.prefix(count)), limitBytes: 1000)
            }
        }
    }

    @Test func whatFollowsIsRefused() {
        let packed = Gzip.compress(Self.bytes(300))
        for rest: [UInt8] in [[0], [0, 0, 0, 0], [1, 2, 3], Array("garbage".utf8)] {
            #expect(throws: GzipError.self) { try Gzip.decompress(packed + rest, limitBytes: 1000) }
        }
    }

    @Test func aChangedByteNeverGivesOtherContent() {
        let bytes = Self.bytes(300)
        let packed = Gzip.compress(bytes)
        for index in packed.indices {
            var changed = packed
            changed[index] ^= 0x10
            // The header's time, system and level are no content.
            let content = try? Gzip.decompress(changed, limitBytes: 1000)
            #expect(content == nil || content == bytes, "byte \(index)")
        }
    }

    @Test func otherFormatsAreRefused() {
        let zlib: [UInt8] = [0x78, 0x9c, 0x4b, 0x04, 0x00, 0x00, 0x62, 0x00, 0x62]
        for bytes: [UInt8] in [zlib, Array("{\"schema\":1}".utf8), Array(repeating: 0xff, count: 50)] {
            #expect(throws: GzipError.self) { try Gzip.decompress(bytes, limitBytes: 1000) }
        }
    }

    @Test func errorsExplainThemselves() {
        #expect(GzipError.tooLarge(limitBytes: 5).message.contains("5 bytes"))
        #expect(GzipError.truncated.exitCode == .dataError)
    }

    /// Half pattern, half noise, always the same.
    static func bytes(_ count: Int) -> [UInt8] {
        var state: UInt32 = 1
        return (0..<count).map { index in
            state = state &* 1_664_525 &+ 1_013_904_223
            return index % 2 == 0 ? UInt8(truncatingIfNeeded: index / 7) : UInt8(truncatingIfNeeded: state >> 24)
        }
    }
}
