import BundleFormat
import BundleManifest
import Digest
import FileSystem
import Testing

@Suite struct BundlePlanTests {
    /// The sample bundle as its reader sees it, and where its frames lie.
    private let head: BundleHead
    private let index: ArchiveIndex
    /// By path in the tree, the spans of the frames of each file: the header's, then its chunks'.
    private var frames: [String: [Range<Int>]] = [:]
    /// By path in the tree.
    private var files: [String: TableOfContents.File] = [:]

    init() throws {
        let bundle = try BuiltBundle.sample()
        var reader = PiecewiseReader(bundle.source)
        head = try reader.readHead(.digest(bundle.digest))
        index = try bundle.index()
        for (table, part) in zip(head.tables, index.parts.dropFirst()) {
            var offset = part.start
            var sizes = part.frameSizes[...]
            for file in table.contents.files {
                let path = "\(table.component.rawValue)/\(file.path)"
                files[path] = file
                for size in sizes.prefix(file.chunks.count + 1) {
                    frames[path, default: []].append(offset..<offset + size)
                    offset += size
                }
                sizes = sizes.dropFirst(file.chunks.count + 1)
            }
        }
    }

    private func sizes(of missing: MissingContent) -> [ComponentName: [Int]] {
        var sizes: [ComponentName: [Int]] = [:]
        for component in missing.components {
            sizes[component] = index.parts.first { $0.name == component.rawValue }?.frameSizes
        }
        return sizes
    }

    /// The plan for a box that lacks the files at `paths` and has the given chunks.
    private func plan(
        without paths: [String],
        chunks: Set<SHA256Digest> = [],
        gap: Int = 0,
        count: Int = 1000,
        percent: Int = 100
    ) throws -> BundlePlan {
        var rules = RangeRules()
        rules.gapBytes = gap
        rules.rangeCount = count
        rules.wholePercent = percent
        let box = BoxContents(
            files: Set(files.values.map(\.digest)).subtracting(paths.compactMap { files[$0]?.digest }),
            chunks: chunks
        )
        let missing = try MissingContent(of: head, for: box, path: "x")
        return try BundlePlan(
            missing,
            directory: index.directory,
            frameSizes: sizes(of: missing),
            rules: rules,
            path: "x"
        )
    }

    @Test func wantsNothingForABoxThatHasAll() throws {
        let plan = try plan(without: [])
        #expect(plan.missing.files.isEmpty && plan.missing.components.isEmpty)
        #expect(plan.pieces.isEmpty && plan.ranges.isEmpty)
        #expect(plan.bytes == 0)
    }

    @Test func wantsTheHeaderAndTheContentOfAMissingFile() throws {
        let plan = try plan(without: ["app/score.py"])
        let spans = try #require(frames["app/score.py"])
        #expect(plan.missing.components == [.app])
        #expect(plan.pieces.map(\.span) == [spans[0].lowerBound..<spans[1].upperBound])
        #expect(plan.pieces.map(\.headerBytes) == [spans[0].count])
        #expect(plan.ranges == plan.pieces.map(\.span))
    }

    @Test func wantsNothingOfTheArchiveForAnEmptyFile() throws {
        let plan = try plan(without: ["app/empty.txt"])
        #expect(plan.missing.files.map(\.file.path.text) == ["empty.txt"])
        #expect(plan.missing.components.isEmpty)
        #expect(plan.pieces.isEmpty)
    }

    @Test(arguments: [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2], []])
    func wantsTheChunksThatTheBoxHasNot(_ wanted: [Int]) throws {
        let model = try #require(files["model/big.bin"])
        let spans = try #require(frames["model/big.bin"])
        let kept = (0..<3).filter { !wanted.contains($0) }.map { model.chunks[$0].digest }
        let plan = try plan(without: ["model/big.bin"], chunks: Set(kept))
        #expect(plan.missing.files.map(\.isFetched) == [(0..<3).map { wanted.contains($0) }])
        // The header comes with the first chunk and never alone.
        #expect(
            plan.pieces.map(\.span)
                == wanted.map { ($0 == 0 ? spans[0] : spans[$0 + 1]).lowerBound..<spans[$0 + 1].upperBound }
        )
        #expect(plan.pieces.map(\.headerBytes) == wanted.map { $0 == 0 ? spans[0].count : 0 })
    }

    @Test func rangesCoverThePiecesAndNoMoreThanTheyMay() throws {
        var state: UInt64 = 7
        let paths = frames.keys.sorted()
        for _ in 0..<200 {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            let wanted = paths.enumerated().filter { state >> UInt64(20 + $0.offset) & 1 == 1 }.map(\.element)
            let count = Int(state >> 50 % 4) + 1
            let plan = try plan(without: wanted, gap: Int(state >> 40 % 300), count: count)
            let expected = wanted.flatMap { path in (frames[path] ?? []).count > 1 ? frames[path] ?? [] : [] }
            #expect(plan.pieces.reduce(0) { $0 + $1.span.count } == expected.reduce(0) { $0 + $1.count })
            for span in expected {
                #expect(plan.ranges.contains { $0.clamped(to: span) == span })
            }
            #expect(plan.ranges.count <= count)
            #expect(zip(plan.ranges, plan.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
            #expect(plan.bytes - plan.gapBytes == expected.reduce(0) { $0 + $1.count })
        }
    }

    @Test func refusesAnIndexWithAnotherNumberOfFramesThanTheTable() throws {
        let missing = try MissingContent(of: head, for: BoxContents(), path: "x")
        for change in 0..<3 {
            var sizes = sizes(of: missing)
            switch change {
            case 0: sizes[.app]?.removeLast()
            case 1: sizes[.env]?.append(9)
            default: sizes[.model] = nil
            }
            #expect(throws: BundleError.self) {
                try BundlePlan(missing, directory: index.directory, frameSizes: sizes, path: "x")
            }
        }
    }

    @Test func refusesAFrameThatIsTooLargeForWhatItHolds() throws {
        let missing = try MissingContent(of: head, for: BoxContents(), path: "x")
        for frame in [1, 2] {
            var sizes = sizes(of: missing)
            // The frames of `empty.txt`, then of `score.py`: its header, its content.
            sizes[.app]?[frame] = 5_000
            let error = #expect(throws: BundleError.self) {
                try BundlePlan(missing, directory: index.directory, frameSizes: sizes, path: "x")
            }
            guard case .damagedPiece(_, let offset, let part, _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(part == "app/score.py")
            #expect(offset == frames[part]?[frame - 1].lowerBound)
        }
    }

    @Test func refusesADigestOfTwoSizes() throws {
        let folder = "/tmp/edge-bundle-test-" + String(UInt64.random(in: .min ... .max), radix: 36)
        defer { try? FileSystem.removeTree(folder) }
        let digest = SHA256.digest([1])
        let table = TableOfContents(
            files: ["score.py", "other.py"].enumerated().map { index, path in
                let chunk = TableOfContents.Chunk(size: index + 1, digest: digest)
                return TableOfContents.File(
                    path: SampleBundle.path(path),
                    isExecutable: false,
                    size: index + 1,
                    digest: digest,
                    chunks: [chunk]
                )
            }
        )
        let bytes = try table.encoded()
        let entry = Manifest.Component(tableDigest: SHA256.digest(bytes), bytes: 3, files: 2)
        try FileSystem.createDirectories("\(folder)/toc")
        try SampleBundle.put(bytes, at: "\(folder)/toc/app.json")
        try SampleBundle.put(SampleBundle.manifest([.app: entry]).encoded(), at: "\(folder)/MANIFEST.json")
        let head = try BundleTree.readHead(folder)
        let error = #expect(throws: BundleError.self) {
            try MissingContent(of: head, for: BoxContents(), path: "x")
        }
        #expect(error?.message.contains("app/score.py has the digest of a file of another size") == true)
    }
}
