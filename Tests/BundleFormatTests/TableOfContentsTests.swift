import BundleManifest
import Digest
import JSON
import Testing

@Suite struct TableOfContentsTests {
    private static let empty = SHA256.digest([]).hex
    private static let one = SHA256.digest([1]).hex

    private static func table(_ files: String) -> [UInt8] { Array("{\"files\":[\(files)],\"schema\":1}".utf8) }

    private static func file(_ path: String, _ rest: String = "\"sha256\":\"\(empty)\",\"size\":0") -> String {
        "{\"mode\":\"0644\",\"path\":\"\(path)\",\(rest)}"
    }

    @Test func readsWhatItWrites() throws {
        let path = try #require(BundlePath("a/b"))
        let chunks = [
            TableOfContents.Chunk(size: 1, digest: SHA256.digest([1])),
            TableOfContents.Chunk(size: 2, digest: SHA256.digest([2])),
        ]
        let file = TableOfContents.File(
            path: path,
            isExecutable: true,
            size: 3,
            digest: SHA256.digest([3]),
            chunks: chunks
        )
        let table = TableOfContents(files: [file])
        #expect(try TableOfContents.parse(table.encoded(), path: "t") == table)
        #expect(table.files[0].chunks == chunks)
    }

    @Test func aFileOfOnePieceHasItsOwnDigestAsTheChunks() throws {
        let table = try TableOfContents.parse(
            Self.table(Self.file("a", "\"sha256\":\"\(Self.one)\",\"size\":1")),
            path: "t"
        )
        #expect(table.files[0].chunks == [TableOfContents.Chunk(size: 1, digest: SHA256.digest([1]))])
    }

    @Test(arguments: [
        "", "[]", "{}", "{\"files\":[],\"schema\":2}", "{\"files\":{},\"schema\":1}", "{\"schema\":1}",
        String(decoding: table(file("b") + "," + file("a")), as: UTF8.self),
        String(decoding: table(file("a") + "," + file("a")), as: UTF8.self),
        String(decoding: table(file("a") + "," + file("a.b") + "," + file("a/c")), as: UTF8.self),
        String(decoding: table(file("../a")), as: UTF8.self), String(decoding: table(file("/a")), as: UTF8.self),
        String(decoding: table(file("a", "\"sha256\":\"\(empty)\",\"size\":-1")), as: UTF8.self),
        String(decoding: table(file("a", "\"sha256\":\"\(empty)\",\"size\":2000000")), as: UTF8.self),
        String(decoding: table(file("a", "\"sha256\":\"xyz\",\"size\":0")), as: UTF8.self),
        String(
            decoding: table(
                "{\"chunks\":[[1,\"\(one)\"]],\"mode\":\"0644\",\"path\":\"a\",\"sha256\":\"\(one)\",\"size\":1}"
            ),
            as: UTF8.self
        ),
        String(
            decoding: table(
                "{\"chunks\":[[1,\"\(one)\"],[1,\"\(one)\"]],\"mode\":\"0644\",\"path\":\"a\",\"sha256\":\"\(one)\",\"size\":3}"
            ),
            as: UTF8.self
        ),
        String(decoding: table(file("a")), as: UTF8.self) + " ",
        String(decoding: table(file("a").split(separator: "0644").joined(separator: "0777")), as: UTF8.self),
    ])
    func refusesWhatTwoReadersCouldTakeDifferently(_ text: String) {
        #expect(throws: JSONError.self) { try TableOfContents.parse(Array(text.utf8), path: "t") }
    }

    @Test func ignoresMembersItDoesNotKnow() throws {
        let text = "{\"extra\":[1,{}],\"files\":[\(Self.file("a"))],\"schema\":1}"
        #expect(try TableOfContents.parse(Array(text.utf8), path: "t").files.count == 1)
    }
}
