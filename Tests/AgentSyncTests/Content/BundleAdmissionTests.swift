import BundleFormat
import Deployment
import Digest
import EdgeAgent
import FileSystem
import Glibc
import JSON
import Testing

@testable import AgentSync

@Suite struct BundleAdmissionTests {
    @Test func whatWasFetchedBecomesAGeneration() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        #expect(try box.fetch(bundle.digest).isDone)
        #expect(try box.names(box.layout.contents) == [])
        #expect(try box.admit(bundle.digest).isDone)
        #expect(try box.isInstalled(bundle.digest))
        #expect(try box.wrongContents() == [])
        // The same bytes are there once in each mode, and what was fetched is gone.
        let shell = SHA256.digest(Array("#!/bin/sh\n".utf8)).hex
        #expect(try box.names(box.layout.contents).filter { $0.hasPrefix(shell) } == [shell, "\(shell).x"])
        #expect(try box.names("\(box.layout.inbox)/bundles") == [])
        let names = try FileSystem.status(of: "\(box.layout.contents)/\(shell).x")?.links
        #expect(names == 3)
    }

    @Test func aRepositorysFolderAndAPortableFileAreTakenAsTheyAre() throws {
        let source = try SampleBox()
        let bundle = try source.publish(SampleSources.varied())
        let portable = "\(source.scratch)/portable"
        let frames = [AppendedFrame(tag: "EDGESIG1", body: [1, 2, 3]), AppendedFrame(tag: "EDGEXXX1", body: [4])]
        try source.put(bundle.archive + frames.flatMap(\.bytes), at: portable)
        for media in [source.repository, portable] {
            let box = try SampleBox()
            _ = try box.publish(SampleSources.varied())
            try FileSystem.removeTree(box.repository)
            #expect(try box.admit(bundle.digest, from: media).isDone)
            #expect(try box.isInstalled(bundle.digest))
        }
    }

    @Test func onceInstalledThereIsNothingToDo() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.small)
        try box.admit(bundle.digest, from: box.repository)
        try FileSystem.removeTree(box.repository)
        guard case .done(let facts) = try box.fetch(bundle.digest) else {
            Issue.record("not done")
            return
        }
        #expect(facts["bytes"] == 0 && facts["requests"] == 0)
        #expect(try box.admit(bundle.digest).isDone)
    }

    @Test func aBoxWithoutRepositoryLacksNothingThatCameOnMedia() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.small)
        #expect(throws: ContentError.noRepository) { try BundleFetcher(box.layout, from: nil).fetch(bundle.digest) }
        try box.admit(bundle.digest, from: box.repository)
        #expect(try BundleFetcher(box.layout, from: nil).fetch(bundle.digest).isDone)
    }

    @Test func whatWasNotFetchedIsTheNetworksFault() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        let error = #expect(throws: ContentError.self) { try box.admit(bundle.digest) }
        guard let error, case .failed(.network, _) = SyncOutcome(ofContents: error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try !box.isInstalled(bundle.digest))
    }

    @Test func aBundleThatNoMetadataNamesIsRefused() throws {
        let box = try SampleBox()
        let error = #expect(throws: ContentError.notAdmitted(bundle: SHA256.digest([]))) {
            try box.admit(SHA256.digest([]))
        }
        guard let error, case .refused = SyncOutcome(ofContents: error) else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func aDamagedCopyIsDamagedAndASignedOneRefused() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        var bad = bundle.archive
        bad[bad.count / 2] ^= 1
        try box.put(bad, at: "\(box.repository)/\(bundle.archivePath)")
        let damage = #expect(throws: BundleError.self) { try box.admit(bundle.digest, from: box.repository) }
        guard let damage, case .damaged = SyncOutcome(ofContents: damage) else {
            Issue.record("\(String(describing: damage))")
            return
        }
        #expect(try box.wrongContents() == [])

        // The record says that these bytes are what is to be there.
        let other = try SampleBox()
        let signed = try other.publish(SampleSources.varied()) { bytes in
            var bytes = bytes
            bytes[bytes.count / 2] ^= 1
            return bytes
        }
        let verdict = #expect(throws: ContentError.self) { try other.admit(signed.digest, from: other.repository) }
        guard let verdict, case .refused = SyncOutcome(ofContents: verdict) else {
            Issue.record("\(String(describing: verdict))")
            return
        }
    }

    @Test func whatRottedInTheInboxIsThrownAwayAndFetchedAnew() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        try box.fetch(bundle.digest)
        let path = PartialFile.bytesPath(in: ContentInbox(box.layout).bundle(bundle.digest))
        var bytes = try FileSystem.read(path, limit: 1 << 28)
        bytes[bytes.count / 2] ^= 1
        try box.put(bytes, at: path)
        #expect(throws: BundleError.self) { try box.admit(bundle.digest) }
        let remote = SampleRemote([bundle])
        #expect(try box.fetch(bundle.digest, through: remote).isDone)
        #expect(remote.given > 0)
        #expect(try box.admit(bundle.digest).isDone)
        #expect(try box.isInstalled(bundle.digest))
    }

    @Test func aDiskThatIsTooSmallMakesItWait() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        var admission = BundleAdmission(box.layout, from: box.repository)
        admission.freeBytes = { _ in 1000 + (64 << 20) }
        let error = #expect(throws: ContentError.self) { try admission.admit(bundle.digest) }
        guard let error, case .waiting(.disk, _) = SyncOutcome(ofContents: error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try box.names(box.layout.contents) == [])
        var fetcher = BundleFetcher(box.layout, from: RepositoryBase(box.repository))
        fetcher.freeBytes = admission.freeBytes
        #expect(throws: ContentError.self) { try fetcher.fetch(bundle.digest) }
    }

    @Test func whereAFileCanHaveNoMoreNamesItIsCopied() throws {
        for code in [EMLINK, EPERM, EXDEV] {
            let box = try SampleBox()
            let bundle = try box.publish(SampleSources.varied())
            var admission = BundleAdmission(box.layout, from: box.repository)
            admission.disk = DiskChanges { change, path in
                change == .link && !path.hasSuffix("n3.py")
                    ? .failed(operation: "link", path: path, code: code) : nil
            }
            #expect(try admission.admit(bundle.digest).isDone)
            #expect(try box.isInstalled(bundle.digest))
            let links = try box.names(box.layout.contents).map {
                try FileSystem.status(of: "\(box.layout.contents)/\($0)")?.links ?? 0
            }
            #expect(links.count { $0 > 1 } == 1)
        }
    }

    @Test func aContentThatRottedInTheStoreIsTakenAway() throws {
        let box = try SampleBox()
        let first = try box.publish(SampleSources.varied())
        try box.admit(first.digest, from: box.repository)
        let second = try box.publish(SampleSources.varied(script: "def run(data): return 1\n"), version: "2")
        let shell = SHA256.digest(Array("#!/bin/sh\n".utf8)).hex
        try FileSystem.removeFile("\(box.layout.contents)/\(shell)")
        try box.put([1, 2], at: "\(box.layout.contents)/\(shell)")
        let error = #expect(throws: ContentError.self) { try box.admit(second.digest, from: box.repository) }
        guard let error, case .damaged = SyncOutcome(ofContents: error) else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try box.admit(second.digest, from: box.repository).isDone)
        #expect(try box.isInstalled(second.digest))
    }

    @Test func aChunkThatRottedInTheStoreIsFetched() throws {
        let box = try SampleBox()
        let first = try box.publish(SampleSources.varied())
        try box.admit(first.digest, from: box.repository)
        let second = try box.publish(SampleSources.varied(tensor: 8), version: "2")
        // Of the same size, so that only its chunks tell.
        let model = try FileSystem.read("\(box.layout.generation(first.digest))/model/big.bin", limit: 1 << 20)
        var bad = model
        bad[5] ^= 1
        let path = "\(box.layout.contents)/\(SHA256.digest(model).hex)"
        try FileSystem.removeFile(path)
        try box.put(bad, at: path)
        #expect(try box.fetch(second.digest).isDone)
        #expect(try box.admit(second.digest).isDone)
        #expect(try box.isInstalled(second.digest))
    }
}
