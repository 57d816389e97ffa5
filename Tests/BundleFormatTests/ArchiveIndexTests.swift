import BundleFormat
import BundleManifest
import Digest
import Testing

@Suite struct ArchiveIndexTests {
    private static let index = ArchiveIndex(
        head: [400, 200, 70_000],
        components: [(.app, [95, 1_300]), (.env, Array(repeating: 90, count: 200) + [1 << 20, 127, 128, 16_384])],
        compressor: Compressor(version: "1.5.4", level: 3),
        archiveDigest: SHA256.digest([1])
    )

    @Test func readsWhatItWrites() throws {
        #expect(try ArchiveIndex.parse(Self.index.payload()) == Self.index)
    }

    @Test func readsWhatTheWriterOfBundlesWrites() throws {
        let bundle = try BuiltBundle.sample()
        let index = try bundle.index()
        #expect(index.payload() == bundle.indexPayload)
        #expect(index.parts.map(\.name) == ["head", "app", "model", "env"])
        #expect(index.parts[0].frameSizes.count == 4)
        // The frame that ends the tar archive, and the header of the skippable frame.
        let indexStart = bundle.bytes.count - bundle.indexPayload.count - 8
        #expect((9...64).contains(indexStart - index.end))
    }

    @Test func refusesEveryFlippedBit() throws {
        let good = Self.index.payload()
        var accepted: [Int] = []
        for offset in good.indices {
            for bit in 0..<8 {
                var bad = good
                bad[offset] ^= 1 << UInt8(bit)
                do {
                    _ = try ArchiveIndex.parse(bad)
                    accepted.append(offset)
                } catch {}
            }
        }
        #expect(accepted.isEmpty)
    }

    @Test func refusesEveryTruncationAtEitherEnd() throws {
        let good = Self.index.payload()
        for length in good.indices {
            #expect(throws: BundleError.self) { try ArchiveIndex.parse(Array(good.prefix(length))) }
            #expect(throws: BundleError.self) { try ArchiveIndex.parse(Array(good.suffix(length))) }
        }
        #expect(throws: BundleError.self) { try ArchiveIndex.parse(good + [0]) }
    }

    /// The digest inside is no hindrance to who writes an index on purpose: what is accepted then has one form.
    @Test func aChangeWithItsDigestMadeAnewIsRefusedOrReadAsItStands() throws {
        let good = Self.index.payload()
        var accepted = 0
        for offset in 0..<(good.count - 56) {
            for change: UInt8 in [0x01, 0x10, 0x80, 0xFF] {
                var body = Array(good.dropLast(56))
                body[offset] ^= change
                let bad = Self.close(body, directory: Self.directoryLength(good))
                do throws(BundleError) {
                    let index = try ArchiveIndex.parse(bad)
                    #expect(index.payload() == bad)
                    accepted += 1
                } catch {}
            }
        }
        // Letters of the version, digits of the digest and the like.
        #expect(accepted > 0)
    }

    struct Hostile: Sendable, CustomTestStringConvertible {
        let name: String
        var sizes: [UInt8] = [4, 6, 5, 7]
        var end = "22"
        var schema = "1"
        var more = ""
        var head = #"{"frames":2,"length":2,"name":"head","offset":0,"start":0}"#
        var app = #","# + #"{"frames":2,"length":2,"name":"app","offset":2,"start":10}"#
        var testDescription: String { name }

        var payload: [UInt8] {
            let text =
                #"{"compressor":{"level":3,"library":"libzstd","version":"1"},"end":\#(end),\#(more)"parts":["#
                + #"\#(head)\#(app)],"schema":\#(schema),"sha256":"\#(String(repeating: "a", count: 64))"}"#
            return close(sizes + Array(text.utf8), directory: text.utf8.count)
        }
    }

    @Test func readsTheCaseThatTheHostileOnesDifferFrom() throws {
        let index = try ArchiveIndex.parse(Hostile(name: "").payload)
        #expect(index.parts.map(\.frameSizes) == [[4, 6], [5, 7]])
        #expect(index.end == 22)
    }

    static let hostile: [Hostile] = [
        Hostile(name: "sum too small", sizes: [4, 6, 5, 6]),
        Hostile(name: "sum too large", sizes: [4, 6, 5, 8]),
        Hostile(name: "head runs into the next part", sizes: [4, 7, 4, 7]),
        Hostile(name: "size of zero", sizes: [4, 6, 12, 0]),
        Hostile(name: "fewer sizes than bytes", sizes: [4, 6, 0x8C, 0]),
        Hostile(name: "unfinished size", sizes: [4, 6, 12, 0x80]),
        Hostile(name: "unfinished size before a part", sizes: [4, 0x86, 5, 7]),
        Hostile(name: "bytes of no part", sizes: [4, 6, 5, 7, 9]),
        Hostile(name: "too few bytes", sizes: [4, 6, 5]),
        Hostile(name: "no sizes", sizes: []),
        Hostile(name: "size over the limit", sizes: [4, 6, 0xFF, 0xFF, 0xFF, 0x7F], app: part("app", 1, 4, 2, 10)),
        Hostile(
            name: "size of seventy bits",
            sizes: [4, 6] + [UInt8](repeating: 0xFF, count: 9) + [0x7F],
            app: part("app", 1, 10, 2, 10)
        ),
        Hostile(name: "count too large", app: part("app", 3, 2, 2, 10)),
        Hostile(name: "count too small", app: part("app", 1, 2, 2, 10)),
        Hostile(name: "count of zero", app: part("app", 0, 2, 2, 10)),
        Hostile(name: "huge count", app: part("app", .max, 2, 2, 10)),
        Hostile(name: "huge length", app: part("app", 2, .max, 2, 10)),
        Hostile(name: "huge start", app: part("app", 2, 2, 2, .max)),
        Hostile(name: "huge end", end: "9223372036854775807"),
        Hostile(name: "end before the last part", end: "10"),
        Hostile(name: "negative end", end: "-1"),
        Hostile(name: "negative start", app: part("app", 2, 2, 2, -10)),
        Hostile(name: "gap between sizes", app: part("app", 2, 2, 3, 10)),
        Hostile(name: "sizes that overlap", app: part("app", 2, 2, 1, 10)),
        Hostile(name: "part that starts late", app: part("app", 2, 2, 2, 11)),
        Hostile(name: "part before the head", app: part("app", 2, 2, 2, 0)),
        Hostile(name: "head that starts late", head: part("head", 2, 2, 0, 1, comma: false)),
        Hostile(name: "head with another count", head: part("head", 1, 2, 0, 0, comma: false)),
        Hostile(name: "no head", head: part("app", 2, 2, 0, 0, comma: false), app: part("env", 2, 2, 2, 10)),
        Hostile(name: "two heads", app: part("head", 2, 2, 2, 10)),
        Hostile(name: "unknown component", app: part("extra", 2, 2, 2, 10)),
        Hostile(
            name: "components out of order",
            sizes: [4, 6, 5, 5, 7],
            end: "27",
            head: part("head", 3, 3, 0, 0, comma: false),
            app: part("env", 1, 1, 3, 15) + part("app", 1, 1, 4, 20)
        ),
        Hostile(
            name: "component twice",
            sizes: [4, 6, 5, 5, 7],
            end: "27",
            head: part("head", 3, 3, 0, 0, comma: false),
            app: part("app", 1, 1, 3, 15) + part("app", 1, 1, 4, 20)
        ),
        Hostile(name: "no parts", sizes: [], head: "", app: ""),
        Hostile(name: "schema of the future", schema: "2"),
        Hostile(name: "further member", more: #""more":1,"#),
        Hostile(name: "white space", end: " 22"),
        Hostile(name: "fraction", end: "22.0"),
    ]

    private static func part(
        _ name: String,
        _ frames: Int,
        _ length: Int,
        _ offset: Int,
        _ start: Int,
        comma: Bool = true
    ) -> String {
        (comma ? "," : "")
            + #"{"frames":\#(frames),"length":\#(length),"name":"\#(name)","offset":\#(offset),"start":\#(start)}"#
    }

    @Test(arguments: hostile) func refuses(_ hostile: Hostile) {
        #expect(throws: BundleError.self) { try ArchiveIndex.parse(hostile.payload) }
    }

    @Test func refusesADirectoryLargerThanItsLimit() throws {
        let text = String(repeating: " ", count: 1 << 16) + "{}"
        #expect(throws: BundleError.self) {
            try ArchiveIndex.parse(Self.close(Array(text.utf8), directory: text.utf8.count))
        }
    }

    /// A payload's trailer behind sizes and directory, with the digest that belongs there.
    private static func close(_ body: [UInt8], directory: Int) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt64(value).littleEndian) { Array($0) } }
        return body + SHA256.digest(body).bytes + number(directory) + number(body.count + 56) + Array("EDGEIDX1".utf8)
    }

    private static func directoryLength(_ payload: [UInt8]) -> Int {
        payload.suffix(24).prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
