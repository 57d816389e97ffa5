import BundleFormat
import BundleManifest
import Deployment
import Digest
import EdgeAgent
import FileSystem
import JSON
import Testing

@testable import AgentSync

@Suite struct AcceptanceDataTests {
    private static let data = SampleSources.noise(30_000)
    private static let digest = SHA256.digest(data)

    private func box() throws -> (SampleBox, Published) {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.small)
        try box.plan(bundle.digest, data: Self.data)
        try box.put(Self.data, at: "\(box.repository)/blobs/\(Self.digest.hex)")
        return (box, bundle)
    }

    private func holdsData(_ box: SampleBox) throws -> Bool {
        let path = ContentStore(box.layout.contents).path(ContentName(Self.digest))
        return try FileSystem.status(of: path) != nil && FileSystem.read(path, limit: 1 << 20) == Self.data
    }

    @Test func comesWithItsBundle() throws {
        let (box, bundle) = try box()
        guard case .done(let facts) = try box.fetch(bundle.digest) else {
            Issue.record("not done")
            return
        }
        #expect(facts["acceptanceBytes"] == 30_000)
        #expect(try box.admit(bundle.digest).isDone)
        #expect(try holdsData(box))
        #expect(try box.names("\(box.layout.inbox)/blobs") == [])
        #expect(try box.fetch(bundle.digest).isDone)
    }

    @Test func comesFromMedia() throws {
        let (box, bundle) = try box()
        #expect(try box.admit(bundle.digest, from: box.repository).isDone)
        #expect(try holdsData(box))

        let (other, same) = try self.box()
        let portable = "\(other.scratch)/portable"
        let chain = try OfflineChain([("blobs/\(Self.digest.hex)", Self.data)], for: portable)
        try other.put(same.archive + (try chain.frame(for: portable)).bytes, at: portable)
        #expect(try other.admit(same.digest, from: portable).isDone)
        #expect(try holdsData(other))
    }

    @Test func isNotTakenWhereItIsAnothers() throws {
        let (box, bundle) = try box()
        var bad = Self.data
        bad[7] ^= 1
        let path = "\(box.repository)/blobs/\(Self.digest.hex)"
        for bytes in [bad, Array(Self.data.dropLast()), Self.data + [0]] {
            try box.put(bytes, at: path)
            #expect(throws: ContentError.self) { try box.fetch(bundle.digest) }
            #expect(throws: ContentError.self) { try box.admit(bundle.digest, from: box.repository) }
            #expect(try !holdsData(box))
        }
        try FileSystem.removeFile(path)
        #expect(throws: ContentError.notThere(path: path)) { try box.admit(bundle.digest, from: box.repository) }
        #expect(throws: ContentError.self) { try box.admit(bundle.digest) }
        // What lies wrong in the inbox is thrown away.
        let fetched = ContentInbox(box.layout).blob(Self.digest)
        try box.put(bad, at: fetched)
        #expect(throws: ContentError.changed(name: fetched)) { try box.admit(bundle.digest) }
        #expect(try FileSystem.status(of: fetched) == nil)
        try box.put(Self.data, at: path)
        #expect(try box.fetch(bundle.digest).isDone)
        #expect(try box.admit(bundle.digest).isDone)
        #expect(try holdsData(box))
    }
}
