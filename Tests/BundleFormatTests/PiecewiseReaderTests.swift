import BundleFormat
import BundleManifest
import Digest
import FileSystem
import Glibc
import Testing

@Suite struct PiecewiseReaderTests {
    @Test func bringsABoxThatHasNothingAllThatAWholeReadingGives() throws {
        let bundle = try BuiltBundle.sample()
        let box = MemoryBox()
        try box.update(from: bundle.source, .digest(bundle.digest))
        #expect(box.wrong == [])
        #expect(box.head?.digest == bundle.digest)
        #expect(
            box.told == [
                "app/empty.txt", "app/score.py", "app/tools/run.sh", "app/Ünï.txt", "model/big.bin",
                "env/\(SampleBundle.deep)",
                "env/" + String(repeating: "n", count: 90) + "/" + String(repeating: "m", count: 60),
            ]
        )
    }

    @Test func asksNothingOfTheArchiveForABundleThatIsThere() throws {
        let bundle = try BuiltBundle.sample()
        let box = MemoryBox()
        try box.update(from: bundle.source, .digest(bundle.digest))
        guard let manifest = box.head?.manifestBytes else { return }
        let source = bundle.source
        #expect(try box.update(from: source, .manifest(manifest)) == WireBytes())
        #expect(source.asked == [])
        #expect(box.told == [])
    }

    @Test func readsASmallArchiveInFewRanges() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        let source = bundle.source
        // Its end with all of the index, the manifest, the table, the file.
        let wire = try MemoryBox().update(from: source, .digest(bundle.digest))
        #expect(wire.ranges == 4)
        #expect(source.asked.count == 4)
        #expect(wire.total == source.given)
    }

    @Test func findsTheIndexBehindWhatIsAppended() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        for sizes in [[0], [3, 500], [5000], Array(repeating: 1, count: 64)] {
            let frames = sizes.map { AppendedFrame(tag: "EDGESIG1", body: SampleBundle.noise($0)) }
            let box = MemoryBox()
            try box.update(from: MemorySource(bundle.bytes + frames.flatMap(\.bytes)), .digest(bundle.digest))
            #expect(box.wrong == [])
        }
        let tooMany = Array(repeating: AppendedFrame(tag: "EDGESIG1", body: []).bytes, count: 65).flatMap { $0 }
        #expect(throws: BundleError.self) {
            try MemoryBox().update(from: MemorySource(bundle.bytes + tooMany), .digest(bundle.digest))
        }
    }

    @Test func aTailOfAnyLengthLeadsToTheIndex() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        for tail in [0, 16, 17, 40, 60, 300, 1 << 20] {
            var rules = RangeRules()
            rules.tailBytes = tail
            let box = MemoryBox()
            try box.update(from: bundle.source, .digest(bundle.digest), rules: rules)
            #expect(box.wrong == [], "\(tail)")
        }
    }

    @Test func aFileGivesTheSameInPiecesOfAnySize() throws {
        let path = "/tmp/edge-bundle-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
        defer { try? FileSystem.removeTree(path) }
        let digest = try SampleBundle.write(to: path).digest
        for size in [997, 1 << 18] {
            let box = MemoryBox()
            var reader = PiecewiseReader(try FileRangeSource(path, pieceBytes: size))
            let plan = try reader.plan(try reader.readHead(.digest(digest)), for: box.contents)
            try reader.fetch(plan, visitor: box)
            #expect(box.wrong == [])
        }
    }

    @Test func refusesTheManifestOfAnotherBundle() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        let error = #expect(throws: BundleError.self) {
            try MemoryBox().update(from: bundle.source, .digest(SHA256.digest([])))
        }
        #expect(
            error == .damagedPiece(path: "memory", offset: 0, part: "MANIFEST.json", problem: "its digest is another")
        )
    }

    @Test func refusesAnArchiveOfAnotherBundleThanTheManifestAtHand() throws {
        let bundle = try BuiltBundle.sample()
        let other = try BuiltBundle(SampleBundle.small)
        let box = MemoryBox()
        try box.update(from: other.source, .digest(other.digest))
        let manifest = try #require(box.head?.manifestBytes)
        #expect(throws: BundleError.self) { try MemoryBox().update(from: bundle.source, .manifest(manifest)) }
    }

    /// What is changed is refused, or is nothing that this reader needs: what it tells is right all the same.
    @Test func noFlippedByteIsEverToldOf() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        var accepted: [Int] = []
        for offset in bundle.bytes.indices {
            for change: UInt8 in [0x01, 0x10, 0xFF] {
                var bad = bundle.bytes
                bad[offset] ^= change
                let box = MemoryBox()
                do {
                    try box.update(from: MemorySource(bad), .digest(bundle.digest))
                    #expect(box.wrong == [])
                    accepted.append(offset)
                } catch is BundleError {
                    #expect(box.files.values.allSatisfy { $0 == Array("hello hello".utf8) })
                    #expect(box.chunks.values.allSatisfy { $0 == Array("hello hello".utf8) })
                }
            }
        }
        // The end of the tar archive and the digests of the index are a strict reader's.
        #expect(!accepted.isEmpty)
    }

    @Test func refusesEveryTruncation() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        for length in bundle.bytes.indices {
            let cut = Array(bundle.bytes.prefix(length))
            #expect(throws: BundleError.self) {
                try MemoryBox().update(from: MemorySource(cut), .digest(bundle.digest))
            }
        }
    }

    @Test func saysWhereAnAnswerBrokeOff() throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        let whole = bundle.source
        let total = try MemoryBox().update(from: whole, .digest(bundle.digest)).total
        var parts: [String] = []
        for length in 0..<total {
            let source = bundle.source
            source.fault = .breaksOff(after: length)
            do {
                try MemoryBox().update(from: source, .digest(bundle.digest))
                Issue.record("\(length) of \(total) bytes were enough")
            } catch BundleError.shortRange(_, let offset, let part, let missing) {
                let range = try #require(source.asked.last)
                #expect(range.contains(offset) && range.upperBound - offset == missing)
                if parts.last != part { parts.append(part) }
            }
        }
        #expect(parts == ["the index", "MANIFEST.json", "toc/app.json", "app/score.py"])
    }

    @Test(arguments: [MemorySource.Fault.oneMore, .startOfFile])
    func refusesAnAnswerToAnotherQuestion(_ fault: MemorySource.Fault) throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        let source = bundle.source
        source.fault = fault
        #expect(throws: BundleError.self) { try MemoryBox().update(from: source, .digest(bundle.digest)) }
    }

    @Test func namesThePartAndTheByteOfWhatIsDamaged() throws {
        let bundle = try BuiltBundle.sample()
        let model = try #require(try bundle.index().parts.first { $0.name == "model" })
        // The second chunk of the model, which doesn't compress: its bytes are there as they are.
        let start = model.start + model.frameSizes[0] + model.frameSizes[1]
        var bad = bundle.bytes
        bad[start + 1000] ^= 1
        let box = MemoryBox()
        let error = #expect(throws: BundleError.self) {
            try box.update(from: MemorySource(bad), .digest(bundle.digest))
        }
        let expected = BundleError.damagedPiece(
            path: "memory",
            offset: start,
            part: "model/big.bin",
            problem: "its digest is another"
        )
        #expect(error == expected)
        // The first chunk was told, the second was not; nothing of the file counts as there.
        #expect(box.chunks.values.map(\.count).contains(700_000))
        #expect(!box.chunks.values.map(\.count).contains(800_000))
        #expect(box.wrong.contains("model/big.bin"))
    }

    @Test func refusesTheTarHeaderOfAnotherFile() throws {
        func build(_ name: String) throws -> (bundle: BuiltBundle, header: Range<Int>) {
            let bundle = try BuiltBundle(
                BundleSource(components: [
                    .app: [
                        SourceFile(path: SampleBundle.path(name), content: .bytes([1])),
                        SourceFile(path: SampleBundle.path("score.py"), content: .bytes([2])),
                    ]
                ])
            )
            let part = try bundle.index().parts[1]
            return (bundle, part.start..<part.start + part.frameSizes[0])
        }
        let (bundle, header) = try build("a.txt")
        let (other, otherHeader) = try build("b.txt")
        try #require(header.count == otherHeader.count)
        var bad = bundle.bytes
        bad.replaceSubrange(header, with: other.bytes[otherHeader])
        let error = #expect(throws: BundleError.self) {
            try MemoryBox().update(from: MemorySource(bad), .digest(bundle.digest))
        }
        #expect(
            error
                == .damagedPiece(
                    path: "memory",
                    offset: header.lowerBound,
                    part: "app/a.txt",
                    problem: "the tar header of app/a.txt is not its own"
                )
        )
    }

    @Test func refusesAFileWhoseChunksAreRightAndWhoseDigestIsNot() throws {
        let chunks: [[UInt8]] = [[1, 2, 3], [4, 5]]
        for isRight in [true, false] {
            let file = TableOfContents.File(
                path: SampleBundle.path("score.py"),
                isExecutable: false,
                size: 5,
                digest: SHA256.digest(isRight ? [1, 2, 3, 4, 5] : [1, 2, 3, 4, 6]),
                chunks: chunks.map { TableOfContents.Chunk(size: $0.count, digest: SHA256.digest($0)) }
            )
            let bundle = try BuiltBundle(app: file, chunks: chunks)
            let box = MemoryBox()
            if isRight {
                try box.update(from: bundle.source, .digest(bundle.digest))
            } else {
                #expect(throws: BundleError.changed(path: "memory", part: "app/score.py")) {
                    try box.update(from: bundle.source, .digest(bundle.digest))
                }
            }
            #expect(box.files.isEmpty == !isRight)
        }
    }

    @Test func refusesContentOutOfAllProportionBeforeItFetchesAny() throws {
        // 300 chunks of 1 MiB in an archive of some kB: 256 MiB are allowed, and 200 times its size.
        let chunks = (0..<300).map { TableOfContents.Chunk(size: 1 << 20, digest: SHA256.digest([UInt8($0 & 0xFF)])) }
        let file = TableOfContents.File(
            path: SampleBundle.path("score.py"),
            isExecutable: false,
            size: 300 << 20,
            digest: SHA256.digest([]),
            chunks: chunks
        )
        let bundle = try BuiltBundle(app: file, chunks: chunks.map { _ in [0] })
        let error = #expect(throws: BundleError.self) {
            try MemoryBox().update(from: bundle.source, .digest(bundle.digest))
        }
        guard case .tooDense(_, 300 << 20, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func fetchesNoManifestThatIsTooLarge() throws {
        let file = TableOfContents.File(
            path: SampleBundle.path("score.py"),
            isExecutable: false,
            size: 1,
            digest: SHA256.digest([1]),
            chunks: []
        )
        let bundle = try BuiltBundle(app: file, chunks: [[1]], manifestBytes: 2 << 20)
        let source = bundle.source
        let error = #expect(throws: BundleError.self) { try MemoryBox().update(from: source, .digest(bundle.digest)) }
        guard case .some(.damagedPiece(_, 0, "MANIFEST.json", _)) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(source.given < 3000)
    }

    /// Lengths at the end of the file lead to other places, or nowhere.
    @Test(arguments: [0, 1, 15, 16, 17, 55, 56, 57, 1 << 16, 1 << 26, 1 << 40, .max])
    func refusesLengthsThatLie(_ length: Int) throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        let lie = withUnsafeBytes(of: UInt64(length).littleEndian) { Array($0) }
        let count = bundle.bytes.count
        for place in [count - 16, count - 24] {
            var bad = bundle.bytes
            bad.replaceSubrange(place..<place + 8, with: lie)
            #expect(throws: BundleError.self) {
                try MemoryBox().update(from: MemorySource(bad), .digest(bundle.digest))
            }
        }
    }

    @Test(arguments: [Int.min, -1, 0, 15, 1 << 60, .max])
    func aSourceMayTellAnySize(_ size: Int) throws {
        let bundle = try BuiltBundle(SampleBundle.small)
        #expect(throws: BundleError.self) {
            try MemoryBox().update(from: MemorySource(bundle.bytes, size: size), .digest(bundle.digest))
        }
    }

    @Test func refusesAnEmptyFileWithTheDigestOfAnother() throws {
        let file = TableOfContents.File(
            path: SampleBundle.path("score.py"),
            isExecutable: false,
            size: 0,
            digest: SHA256.digest([1]),
            chunks: []
        )
        let bundle = try BuiltBundle(app: file, chunks: [])
        #expect(throws: BundleError.changed(path: "memory", part: "app/score.py")) {
            try MemoryBox().update(from: bundle.source, .digest(bundle.digest))
        }
    }

    @Test func goesOnWhereItBrokeOff() throws {
        let bundle = try BuiltBundle.sample()
        let box = MemoryBox()
        var read = 0
        var attempts = 0
        // Each connection lives for 1.2 MB: the largest chunk fits, the file doesn't.
        while true {
            attempts += 1
            let source = bundle.source
            source.fault = .breaksOff(after: 1_200_000)
            defer { read += source.given }
            do {
                try box.update(from: source, .digest(bundle.digest))
                break
            } catch BundleError.shortRange where attempts < 10 {}
        }
        #expect(box.wrong == [])
        #expect(attempts == 3)
        #expect(box.keptAsked > 0)
        // At worst each attempt but the last threw away a part of a chunk.
        #expect(read < bundle.bytes.count + attempts * 1_100_000)
    }

    @Test func aKeptChunkThatRottedIsNotBelievedAndIsFetchedOnceItIsForgotten() throws {
        let bundle = try BuiltBundle.sample()
        let box = MemoryBox()
        try box.update(from: bundle.source, .digest(bundle.digest))
        let model = try #require(box.head?.tables.first { $0.component == .model }?.contents.files.first)
        box.forget(model.digest)
        box.spoil(model.chunks[1].digest)
        let manifest = try #require(box.head?.manifestBytes)
        do {
            try box.update(from: bundle.source, .manifest(manifest))
            Issue.record("the chunk was believed")
        } catch BundleError.keptChunkDiffers(_, let part, let digest) {
            #expect(part == "model/big.bin")
            #expect(digest == model.chunks[1].digest)
            box.forget(digest)
        }
        #expect(box.wrong == ["model/big.bin"])
        let source = bundle.source
        try box.update(from: source, .manifest(manifest))
        #expect(box.wrong == [])
        #expect(source.asked.last?.count ?? 0 > 800_000 && source.given < 805_000)
    }

    @Test func aKeptTableThatRottedIsFetched() throws {
        let bundle = try BuiltBundle.sample()
        let box = MemoryBox()
        try box.update(from: bundle.source, .digest(bundle.digest))
        let head = try #require(box.head)
        box.spoil(SHA256.digest(head.tables[0].bytes))
        let wire = try box.update(from: bundle.source, .manifest(head.manifestBytes))
        #expect(wire.tables > 0 && wire.data == 0)
        #expect(box.wrong == [])
    }

    @Test func theSameContentIsFetchedOnce() throws {
        let content = SourceFile.Content.bytes(SampleBundle.noise(40_000))
        let bundle = try BuiltBundle(
            BundleSource(components: [
                .app: [
                    SourceFile(path: SampleBundle.path("again.bin"), isExecutable: true, content: content),
                    SourceFile(path: SampleBundle.path("score.py"), content: content),
                ],
                .env: [SourceFile(path: SampleBundle.path("once-more.bin"), content: content)],
            ])
        )
        let box = MemoryBox()
        let wire = try box.update(from: bundle.source, .digest(bundle.digest))
        #expect(box.told == ["app/again.bin"])
        #expect(box.wrong == [])
        #expect((40_000..<41_000).contains(wire.data))
    }
}
