import BundleManifest
import FileSystem
import Testing

@testable import BundleFormat

@Suite struct OfflineChainTests {
    private static let files: [(path: String, bytes: [UInt8])] = [
        ("targets/a/b.json", [1, 2, 3]), ("metadata/timestamp.json", []), ("blobs/00", [9]),
        ("metadata/1.root.json", Array("{}".utf8)),
    ]

    private static func chain() throws -> OfflineChain { try OfflineChain(files, for: "file") }

    @Test func whatIsWrittenIsRead() throws {
        let chain = try Self.chain()
        let read = try OfflineChain.parse(try chain.encoded(), path: "file")
        #expect(read == chain)
        #expect(read.files.map(\.path.text) == Self.files.map(\.path).sorted())
        for file in Self.files { #expect(read[file.path] == file.bytes) }
        #expect(read["metadata/2.root.json"] == nil)
        #expect(read["../x"] == nil)
        #expect(try OfflineChain(Self.files.reversed(), for: "file").encoded() == chain.encoded())
    }

    @Test func itTravelsBehindABundle() throws {
        let frame = try Self.chain().frame(for: "file")
        let other = AppendedFrame(tag: AppendedFrame.signatureTag, body: [1])
        #expect(try OfflineChain.find(in: [other, frame], of: "file") == Self.chain())
        #expect(try OfflineChain.find(in: [other], of: "file") == nil)
        #expect(throws: BundleError.self) { try OfflineChain.find(in: [frame, frame], of: "file") }
    }

    @Test(arguments: [
        "", "x", "x/y", "/metadata/x", "metadata/../x", "metadata", "metadata/", "Metadata/x", "metadata/x\n",
    ])
    func aPathLeadsNowhereElse(path: String) {
        #expect(throws: BundleError.self) { try OfflineChain([(path, [])], for: "file") }
    }

    @Test func noPathIsThereTwice() {
        #expect(throws: BundleError.self) {
            try OfflineChain([("metadata/x", [1]), ("metadata/x", [2])], for: "file")
        }
    }

    /// Any byte of the head changed, any end cut off: refused, or another chain, and never a trap.
    @Test func damageIsRefused() throws {
        let body = try Self.chain().encoded()
        for count in body.indices {
            #expect(throws: BundleError.self) { try OfflineChain.parse(Array(body[..<count]), path: "file") }
        }
        #expect(throws: BundleError.self) { try OfflineChain.parse(body + [0], path: "file") }
        for index in body.indices {
            for bit in 0..<8 {
                var changed = body
                changed[index] ^= 1 << bit
                guard let read = try? OfflineChain.parse(changed, path: "file") else { continue }
                #expect(try read.encoded() == changed)
            }
        }
    }
}
