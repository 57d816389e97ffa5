import BundleFormat
import BundleManifest
import Deployment
import Digest
import EdgeAgent
import FileSystem
import Synchronization
import Testing

@testable import AgentSync

@Suite struct HTTPRemoteFileTests {
    private static let bytes = SampleSources.noise(5000)

    private struct Answer: Equatable {
        let start: Int
        let bytes: [UInt8]
    }

    private func read(_ server: RangeServer, _ range: Range<Int>, size: Int = 5000) throws -> Answer {
        let file = try RepositoryBase(server.url).file("blobs/x")
        var (start, found) = (-1, [UInt8]())
        try file.read(range, ofSize: size) {
            start = $0
        } into: {
            found += $0
        }
        return Answer(start: start, bytes: found)
    }

    private func with<Result>(_ body: (RangeServer) throws -> Result) throws -> Result {
        let server = RangeServer(Self.bytes)
        defer { server.stop() }
        return try body(server)
    }

    @Test func asksForOneRange() throws {
        try with { (server: RangeServer) throws in
            #expect(try read(server, 10..<20) == Answer(start: 10, bytes: Array(Self.bytes[10..<20])))
            #expect(try read(server, 0..<5000) == Answer(start: 0, bytes: Self.bytes))
            #expect(server.ranges == ["10-19", ""])
        }
    }

    @Test func takesTheWholeFileFromAServerThatKnowsNoRanges() throws {
        try with { (server: RangeServer) throws in
            server.behaviour.withLock { $0.ignoresRanges = true }
            #expect(try read(server, 10..<20) == Answer(start: 0, bytes: Self.bytes))
        }
    }

    @Test(
        arguments: [
            "", "bytes 10-19/*", "bytes */5000", "bytes 11-20/5000", "bytes 10-20/5000", "bytes 10-18/5000",
            "10-19/5000",
            "bytes 10-19/4999", "bytes 10-19/5001", "bytes 19-10/5000", "bytes +10-19/5000", "items 10-19/5000",
            "bytes 10-19/99999999999999999999",
        ]
    )
    func takesNoAnswerThatIsForAnotherRange(_ contentRange: String) throws {
        try with { (server: RangeServer) throws in
            server.behaviour.withLock { $0.contentRange = contentRange }
            #expect(throws: ContentError.self) { try read(server, 10..<20) }
        }
    }

    @Test(arguments: [204, 207, 301, 403, 404, 416, 500, 503]) func takesNoOtherStatus(_ status: Int) throws {
        try with { (server: RangeServer) throws in
            server.behaviour.withLock { $0.status = status }
            #expect(throws: ContentError.self) { try read(server, 10..<20) }
        }
    }

    @Test func takesNoFileOfAnotherSize() throws {
        try with { (server: RangeServer) throws in
            #expect(throws: ContentError.self) { try read(server, 10..<20, size: 4000) }
            #expect(throws: ContentError.self) { try read(server, 0..<4000, size: 4000) }
            server.behaviour.withLock { $0.ignoresRanges = true }
            #expect(throws: ContentError.self) { try read(server, 10..<20, size: 4000) }
        }
    }

    @Test func aBundleComesOverHTTPInPieces() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        let server = RangeServer(bundle.archive)
        defer { server.stop() }
        let fetcher = BundleFetcher(box.layout, from: RepositoryBase(server.url + "/"))
        server.behaviour.withLock { $0.cutAfter = 20_000 }
        var tries = 0
        while tries < 20 {
            tries += 1
            do {
                _ = try fetcher.fetch(bundle.digest)
                break
            } catch {
                guard case .failed(.network, _) = SyncOutcome(ofContents: error) else {
                    Issue.record("\(error)")
                    break
                }
            }
        }
        #expect((2...8).contains(tries))
        #expect(!server.ranges.contains(""))
        try box.admit(bundle.digest)
        #expect(try box.isInstalled(bundle.digest))
    }

    @Test func aServerThatIsNotThereIsTheNetworksFault() throws {
        let server = RangeServer([])
        server.stop()
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.small)
        do {
            _ = try BundleFetcher(box.layout, from: RepositoryBase(server.url)).fetch(bundle.digest)
            Issue.record("it came from nowhere")
        } catch {
            guard case .failed(.network, _) = SyncOutcome(ofContents: error) else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
