import BundleFormat
import BundleManifest
import Digest
import FileSystem
import Glibc
import Testing

@Suite struct BundleArchiveTests {
    private let folder: String

    init() throws {
        folder = "/tmp/edge-bundle-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
        try FileSystem.createDirectories(folder)
    }

    private func done() { try? FileSystem.removeTree(folder) }

    @Test func readsWhatItWrote() throws {
        defer { done() }
        let built = try SampleBundle.write(to: "\(folder)/a")
        let visitor = RecordingVisitor()
        let archive = try BundleReader(threads: 2).read("\(folder)/a", visitor: visitor)
        #expect(archive.head.digest == built.digest)
        #expect(archive.head.manifest == built.manifest)
        #expect(archive.builtSize == built.size)
        #expect(try FileSystem.status(of: "\(folder)/a")?.size == built.size)
        for (component, files) in SampleBundle.source.components {
            for file in files {
                guard case .bytes(let bytes) = file.content else { continue }
                #expect(visitor.files["\(component.rawValue)/\(file.path)"] == bytes)
            }
        }
        #expect(visitor.files.count == 7)
    }

    @Test func writesNothingThatItWouldNotRead() throws {
        defer { done() }
        let writer = BundleWriter(threads: 1)
        #expect(throws: BundleError.self) {
            try writer.write(SampleBundle.small, to: "\(folder)/a") { components in
                var manifest = SampleBundle.manifest(components)
                manifest.endpoint.queue = 0
                return manifest
            }
        }
        let error = #expect(throws: BundleError.self) {
            try writer.write(SampleBundle.small, to: "\(folder)/a") { components in
                var manifest = SampleBundle.manifest(components)
                manifest.entry = .script(path: "app/other.py", model: nil)
                return manifest
            }
        }
        #expect(error?.message.contains("app/other.py, which is not in it") == true)
        #expect(try FileSystem.names(in: folder) == [])
    }

    @Test func cutsAtTensorsAndEveryMebibyte() throws {
        defer { done() }
        try SampleBundle.write(to: "\(folder)/a")
        let head = try BundleReader(threads: 1).readHead("\(folder)/a")
        let model = head.tables.first { $0.component == .model }?.contents.files.first
        #expect(model?.chunks.map(\.size) == [700_000, 800_000, 1_000_000])
    }

    @Test func givesTheSameBytesWhateverTheThreadsAndTheOrderOfFiles() throws {
        defer { done() }
        try SampleBundle.write(to: "\(folder)/a", threads: 1)
        var shuffled = SampleBundle.source
        shuffled.components[.app]?.reverse()
        let previous = umask(0o077)
        defer { umask(previous) }
        try SampleBundle.write(to: "\(folder)/b", shuffled, threads: 4)
        #expect(try FileSystem.read("\(folder)/a", limit: 1 << 24) == FileSystem.read("\(folder)/b", limit: 1 << 24))
        #expect(try FileSystem.status(of: "\(folder)/b")?.permissions == 0o644)
    }

    @Test func theDigestDoesNotDependOnTheCompression() throws {
        defer { done() }
        let fast = try SampleBundle.write(to: "\(folder)/a", level: 1)
        let small = try SampleBundle.write(to: "\(folder)/b", level: 12)
        #expect(fast.digest == small.digest)
        #expect(fast.size != small.size)
    }

    @Test func refusesEveryFlippedByte() throws {
        defer { done() }
        // Small, so that each byte can have its turn: nothing in the file may be changed unseen.
        try SampleBundle.write(to: "\(folder)/a", SampleBundle.small)
        try BundleReader(threads: 1).read("\(folder)/a", visitor: RecordingVisitor())
        let good = try FileSystem.read("\(folder)/a", limit: 1 << 20)
        var accepted: [Int] = []
        for offset in good.indices {
            var bad = good
            bad[offset] ^= 0x10
            try SampleBundle.put(bad, at: "\(folder)/bad")
            do {
                try BundleReader(threads: 1).read("\(folder)/bad", visitor: RecordingVisitor())
                accepted.append(offset)
            } catch is BundleError {}
        }
        #expect(accepted.isEmpty)
    }

    @Test func refusesEveryTruncation() throws {
        defer { done() }
        try SampleBundle.write(to: "\(folder)/a", SampleBundle.small)
        try BundleReader(threads: 1).read("\(folder)/a", visitor: RecordingVisitor())
        let good = try FileSystem.read("\(folder)/a", limit: 1 << 20)
        for length in 0..<good.count {
            try SampleBundle.put(Array(good[..<length]), at: "\(folder)/bad")
            #expect(throws: BundleError.self) {
                try BundleReader(threads: 1).read("\(folder)/bad", visitor: RecordingVisitor())
            }
        }
        try FileSystem.write(good + [0], to: "\(folder)/bad")
        #expect(throws: BundleError.self) {
            try BundleReader(threads: 1).read("\(folder)/bad", visitor: RecordingVisitor())
        }
    }

    @Test(arguments: [
        ("", " is empty"), ("Dear reader,", " is not a bundle: byte 0: it is no zstd archive"),
    ])
    func saysWhatAFileIsThatIsNoBundle(_ text: String, _ message: String) throws {
        defer { done() }
        try SampleBundle.put(Array(text.utf8), at: "\(folder)/a")
        let error = #expect(throws: BundleError.self) {
            try BundleReader(threads: 1).read("\(folder)/a", visitor: RecordingVisitor())
        }
        #expect(error?.message == "\(folder)/a" + message)
    }

    @Test func errorsOfExtractionNameTheFolderAskedFor() throws {
        defer { done() }
        try SampleBundle.write(to: "\(folder)/a")
        let error = #expect(throws: FileError.self) {
            try BundleExtractor(threads: 1).extract("\(folder)/a", to: "\(folder)/missing/tree")
        }
        #expect(error?.message == "can't create the folder \(folder)/missing/tree: no such file or directory")
    }

    @Test func appendedFramesComeOffAgain() throws {
        defer { done() }
        let path = "\(folder)/a"
        let built = try SampleBundle.write(to: path)
        let before = try FileSystem.read(path, limit: 1 << 24)
        let frames = [AppendedFrame(tag: "EDGESIG1", body: [1, 2, 3]), AppendedFrame(tag: "EDGEXYZ1", body: [])]
        try BundleTail.read(path).replaceAppended(of: path, with: frames)
        let tail = try BundleTail.read(path)
        #expect(tail.appended == frames)
        #expect(tail.builtSize == built.size)
        #expect(try BundleReader(threads: 2).read(path, visitor: RecordingVisitor()).appended == frames)
        try tail.replaceAppended(of: path, with: [])
        #expect(try FileSystem.read(path, limit: 1 << 24) == before)
    }

    @Test func refusesAnAppendedFrameThatPassesForTheIndex() throws {
        defer { done() }
        let path = "\(folder)/a"
        try SampleBundle.write(to: path)
        let frame = AppendedFrame(tag: "EDGEIDX1", body: [1, 2, 3])
        try SampleBundle.put(try FileSystem.read(path, limit: 1 << 24) + frame.bytes, at: path)
        #expect(throws: BundleError.self) {
            try BundleReader(threads: 1).read(path, visitor: RecordingVisitor())
        }
    }

    @Test func aTreeIsReadAsStrictlyAsAnArchive() throws {
        defer { done() }
        try SampleBundle.write(to: "\(folder)/a")
        let archive = try BundleExtractor(threads: 2).extract("\(folder)/a", to: "\(folder)/tree")
        #expect(try BundleTree.verify("\(folder)/tree").digest == archive.head.digest)
        chmod("\(folder)/tree/app/score.py", 0o755)
        try SampleBundle.put([66], at: "\(folder)/tree/app/extra")
        unlink("\(folder)/tree/app/empty.txt")
        let error = #expect(throws: BundleError.self) { try BundleTree.verify("\(folder)/tree") }
        for problem in [
            "app/score.py has mode 755, not 644", "app/extra is not part of it", "app/empty.txt is missing",
        ] {
            #expect(error?.message.contains(problem) == true)
        }
    }

    @Test func extractsWholeOrNotAtAll() throws {
        defer { done() }
        let path = "\(folder)/a"
        try SampleBundle.write(to: path)
        _ = try BundleExtractor(threads: 2).extract(path, to: "\(folder)/tree")
        #expect(try FileSystem.status(of: "\(folder)/tree/app/tools/run.sh")?.permissions == 0o755)
        #expect(
            try FileSystem.read("\(folder)/tree/app/score.py", limit: 100) == Array("def run(data): return data\n".utf8)
        )
        var bytes = try FileSystem.read(path, limit: 1 << 24)
        bytes[bytes.count - 2_000] ^= 1
        try FileSystem.write(bytes, to: path)
        #expect(throws: BundleError.self) { try BundleExtractor(threads: 2).extract(path, to: "\(folder)/other") }
        #expect(try FileSystem.names(in: folder).sorted() == ["a", "tree"])
    }

    @Test(arguments: ["../x", "/x", "a//b", "a/./b", "", "a\u{0}b", String(repeating: "a", count: 256), "a\\b"])
    func refusesPathsThatLeadAstray(_ text: String) {
        #expect(BundlePath(text) == nil)
    }
}
