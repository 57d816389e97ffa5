import BundleFormat
import BundleManifest
import Deployment
import Digest
import EdgeAgent
import FileSystem
import JSON
import Testing

@testable import AgentSync

@Suite struct BundleFetcherTests {
    private func facts(_ outcome: SyncOutcome) -> JSONObject {
        if case .done(let facts) = outcome { facts } else { [:] }
    }

    /// A scoring script of 120 lines of some variety: like real ones it compresses to a third.
    private static func script(changing line: Int? = nil) -> [UInt8] {
        let verbs = ["load", "scale", "clip", "check", "reshape", "round", "merge", "rank", "trim", "encode"]
        let nouns = ["image", "batch", "label", "score", "window", "margin", "column", "weight"]
        let lines = (0..<120).map { index in
            let (verb, noun) = (verbs[index * 7 % 10], nouns[index * 5 % 8])
            return index == line
                ? "    threshold = 0.731"
                : "    \(noun)_\(index * 37 % 101) = \(verb)_\(noun)(data[\"\(noun)\"], \(index * 7919 % 1000))"
        }
        return Array((["import numpy", "def run(data):"] + lines + [""]).joined(separator: "\n").utf8)
    }

    private static func project(_ script: [UInt8]) -> BundleSource {
        BundleSource(components: [
            .app: [SampleSources.file("score.py", script), SampleSources.file("labels.json", Array(#"["a"]"#.utf8))],
            .samples: (0..<20).map { SampleSources.file("sample-\($0).json", SampleSources.noise(700)) },
            .model: [SampleSources.file("big.bin", SampleSources.noise(300_000))],
            .env: (0..<600).map { index in
                let bytes = SampleSources.noise(150 + index * 31 % 900, seed: UInt64(index))
                return SampleSources.file("site-packages/p\(index % 5)/_module_number_\(index).py", bytes)
            },
        ])
    }

    @Test func oneChangedLineMovesAtMostSixKilobytes() throws {
        let box = try SampleBox()
        let old = try box.publish(Self.project(Self.script()))
        try box.admit(old.digest, from: box.repository)
        let new = try box.publish(Self.project(Self.script(changing: 60)), version: "2")
        let remote = SampleRemote([new])
        let facts = facts(try box.fetch(new.digest, through: remote))
        let count = { (name: String) in facts[name]?.integerValue ?? -1 }
        let moved = count("bytes")
        print(
            "one changed line: MANIFEST \(new.manifest.count) with the metadata, index \(count("indexBytes")), "
                + "tables \(count("tableBytes")), data \(count("dataBytes")) in "
                + "\(count("requests")) requests"
        )
        #expect(Int(moved) == remote.given)
        #expect(facts["requests"] == .integer(remote.asked.count))
        #expect(Int(moved) + new.manifest.count <= 6000)
        let parts = ["manifestBytes", "indexBytes", "tableBytes", "dataBytes"].map(count)
        #expect(parts.reduce(0, +) == moved)
        let before = try box.names(box.layout.contents).count
        try box.admit(new.digest)
        #expect(try box.isInstalled(new.digest))
        #expect(try box.names(box.layout.contents).count == before + 1)
    }

    @Test func oneChangedTensorMovesItsChunkAlone() throws {
        let box = try SampleBox()
        let old = try box.publish(SampleSources.varied())
        try box.admit(old.digest, from: box.repository)
        let new = try box.publish(SampleSources.varied(tensor: 8), version: "2")
        let facts = facts(try box.fetch(new.digest, through: SampleRemote([new])))
        let data = try #require(facts["dataBytes"]?.integerValue)
        #expect((20_000..<21_000).contains(data))
        try box.admit(new.digest)
        #expect(try box.isInstalled(new.digest))
    }

    @Test func goesOnWhereTheWireBroke() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        let whole = SampleRemote([bundle])
        let other = try SampleBox()
        _ = try other.publish(SampleSources.varied())
        try other.fetch(bundle.digest, through: whole)
        // Every few bytes the wire breaks; each try brings some, and nothing comes twice.
        var (given, tries) = (0, 0)
        while tries < 1000 {
            tries += 1
            let remote = SampleRemote([bundle], SampleRemote.State(givesOnly: 900))
            defer { given += remote.given }
            do {
                try box.fetch(bundle.digest, through: remote)
                break
            } catch let error as ContentError {
                guard case .failed(.network, _) = SyncOutcome(ofContents: error) else {
                    Issue.record("\(error)")
                    break
                }
            }
        }
        #expect(tries > 20 && tries < 1000)
        #expect(given == whole.given)
        try box.admit(bundle.digest)
        #expect(try box.isInstalled(bundle.digest))
    }

    @Test func aServerWithoutRangesGivesTheWholeFileOnce() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        let remote = SampleRemote([bundle], SampleRemote.State(ignoresRanges: true))
        let facts = facts(try box.fetch(bundle.digest, through: remote))
        #expect(remote.asked.count == 1 && remote.given == bundle.archive.count)
        #expect(facts["requests"] == 1 && facts["bytes"] == .integer(bundle.archive.count))
        try box.admit(bundle.digest)
        #expect(try box.isInstalled(bundle.digest))
    }

    @Test func noGarbledByteComesThrough() throws {
        let good = try SampleBox()
        let bundle = try good.publish(SampleSources.small)
        // Each try waits for the disk several times.
        for place in stride(from: 0, to: bundle.archive.count, by: 11) {
            let box = try SampleBox()
            _ = try box.publish(SampleSources.small)
            let remote = SampleRemote([bundle], SampleRemote.State(flips: [place]))
            do {
                try box.fetch(bundle.digest, through: remote)
                try box.admit(bundle.digest)
                #expect(try box.isInstalled(bundle.digest), "\(place)")
            } catch let error as BundleError {
                guard case .damaged = SyncOutcome(ofContents: error) else {
                    Issue.record("\(place): \(error)")
                    continue
                }
                // It is thrown away, and comes right from a server that is well again.
                #expect(try box.fetch(bundle.digest, through: SampleRemote([bundle])).isDone)
                #expect(try box.admit(bundle.digest).isDone)
                #expect(try box.isInstalled(bundle.digest), "\(place)")
            }
        }
    }

    @Test func whatRottedBetweenTwoTriesIsFetchedAgain() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        try box.fetch(bundle.digest)
        let path = PartialFile.bytesPath(in: ContentInbox(box.layout).bundle(bundle.digest))
        var bytes = try FileSystem.read(path, limit: 1 << 28)
        bytes[bytes.count / 2] ^= 1
        try box.put(bytes, at: path)
        let remote = SampleRemote([bundle])
        #expect(try box.fetch(bundle.digest, through: remote).isDone)
        #expect((1..<bundle.archive.count / 2).contains(remote.given))
        try box.admit(bundle.digest)
        #expect(try box.isInstalled(bundle.digest))
    }

    @Test func whatIsThereOfAnotherArchiveIsForgotten() throws {
        let box = try SampleBox()
        let bundle = try box.publish(SampleSources.varied())
        try box.fetch(bundle.digest)
        let journal = PartialFile.journalPath(in: ContentInbox(box.layout).bundle(bundle.digest))
        let text = try FileSystem.read(journal, limit: 1 << 20)
        for bad in [Array("edge-held 2".utf8), Array("edge-held 1 \(SHA256.digest([1]).hex) 5\n0 5\n".utf8), []] {
            try box.put(bad, at: journal)
            let remote = SampleRemote([bundle])
            #expect(try box.fetch(bundle.digest, through: remote).isDone)
            #expect(remote.given > bundle.archive.count / 2)
        }
        // A line that was cut off is all that is lost.
        for cut in [1, 3] {
            try box.put(Array(text.dropLast(cut)), at: journal)
            #expect(try box.fetch(bundle.digest, through: SampleRemote([bundle])).isDone)
            try box.put(text + Array("0 99999999\n".utf8), at: journal)
            let remote = SampleRemote([bundle])
            #expect(try box.fetch(bundle.digest, through: remote).isDone)
            #expect(remote.given == 0)
        }
    }
}
