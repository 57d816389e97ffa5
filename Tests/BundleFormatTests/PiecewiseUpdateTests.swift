import BundleFormat
import BundleManifest
import Digest
import Testing

/// What an update moves over the wire: design section 12, the lines for one changed script line and one changed tensor.
@Suite struct PiecewiseUpdateTests {
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

    /// An environment of 1,500 small files in packages, as numpy and onnxruntime unpack to: names of some 50 bytes.
    private static let environment: [SourceFile] = (0..<1500).map { index in
        let package = ["numpy", "onnxruntime", "PIL", "google/protobuf", "flatbuffers"][index % 5]
        let folder = ["core", "lib", "linalg", "tests", "capi/quantization"][index / 5 % 5]
        let path = "site-packages/\(package)/\(folder)/_module_number_\(index).py"
        let bytes = SampleBundle.noise(150 + index * 31 % 900, seed: UInt64(index))
        return SourceFile(path: SampleBundle.path(path), content: .bytes(bytes))
    }

    private static func project(_ script: [UInt8]) -> BundleSource {
        BundleSource(components: [
            .app: [
                SourceFile(path: SampleBundle.path("score.py"), content: .bytes(script)),
                SourceFile(path: SampleBundle.path("labels.json"), content: .bytes(Array(#"["a", "b"]"#.utf8))),
                SourceFile(path: SampleBundle.path("preprocess/images.py"), content: .bytes(Self.script())),
            ],
            .samples: (0..<20).map { index in
                SourceFile(path: SampleBundle.path("sample-\(index).json"), content: .bytes(SampleBundle.noise(700)))
            },
            .model: [SourceFile(path: SampleBundle.path("big.bin"), content: .bytes(SampleBundle.noise(300_000)))],
            .env: environment,
        ])
    }

    @Test func oneChangedLineOfTheScriptMovesLittle() throws {
        let old = try BuiltBundle(Self.project(Self.script()))
        let new = try BuiltBundle(Self.project(Self.script(changing: 60)))
        let box = MemoryBox()
        try box.update(from: old.source, .digest(old.digest))
        let source = new.source
        let wire = try box.update(from: source, .digest(new.digest))
        #expect(box.wrong == [])
        #expect(box.told == ["app/score.py"])

        let environment = try #require(try new.index().parts.last)
        print(
            "one changed line: MANIFEST \(wire.manifest), index \(wire.index), tables \(wire.tables), "
                + "data \(wire.data): \(wire.total) bytes in \(wire.ranges) ranges; the archive has \(new.bytes.count)"
        )
        #expect(wire.total <= 6000)
        #expect(wire.total == source.given)
        // Nothing of the environment: neither its files nor its table, of some 80 kB, nor its part of the index.
        let head = try new.index().parts[0].frameSizes
        let table = head.dropLast().reduce(0, +)
        #expect(head[head.count - 1] > 50_000)
        for asked in source.asked {
            #expect(!asked.overlaps(table..<table + head[head.count - 1]))
            #expect(!asked.overlaps(environment.start..<environment.start + environment.frameSizes.reduce(0, +)))
        }
    }

    @Test func oneChangedTensorMovesItsChunksAlone() throws {
        // A head, six tensors of 400 kB, one of 2.5 MB that takes three chunks.
        let cuts = (0..<7).map { 1000 + $0 * 400_000 }
        let ends = Array(cuts.dropFirst()) + [4_901_000]
        func project(changing tensor: Int? = nil) -> BundleSource {
            var model = SampleBundle.noise(4_901_000)
            if let tensor {
                let span = cuts[tensor]..<ends[tensor]
                model.replaceSubrange(span, with: SampleBundle.noise(span.count, seed: 99))
            }
            return BundleSource(components: [
                .app: [SourceFile(path: SampleBundle.path("score.py"), content: .bytes(Self.script()))],
                .model: [SourceFile(path: SampleBundle.path("big.bin"), content: .bytes(model), cuts: cuts)],
            ])
        }
        let old = try BuiltBundle(project())
        for (tensor, frames) in [(2, 4..<5), (6, 8..<11)] {
            let box = MemoryBox()
            try box.update(from: old.source, .digest(old.digest))
            box.forgetChunks()
            box.findChunks(of: try #require(box.head?.tables.last).contents)

            let new = try BuiltBundle(project(changing: tensor))
            let source = new.source
            let wire = try box.update(from: source, .digest(new.digest))
            #expect(box.wrong == [])
            #expect(box.told == ["model/big.bin"])
            #expect(box.keptAsked == 10 - frames.count)

            // The header's frame comes first, then the head of the model, then the tensors.
            let part = try #require(try new.index().parts.last)
            let start = part.start + part.frameSizes[..<frames.lowerBound].reduce(0, +)
            #expect(source.asked.last == start..<start + part.frameSizes[frames].reduce(0, +))
            #expect(wire.data == source.asked.last?.count)
            #expect(wire.total - wire.data < 4000)
            print(
                "tensor \(tensor): MANIFEST \(wire.manifest), index \(wire.index), tables \(wire.tables), "
                    + "data \(wire.data) in \(wire.ranges) ranges"
            )
        }
    }

    @Test func whereMostIsMissingOneRangeBringsAllOfIt() throws {
        let bundle = try BuiltBundle(Self.project(Self.script()))
        let box = MemoryBox()
        let source = bundle.source
        let wire = try box.update(from: source, .digest(bundle.digest))
        #expect(box.wrong == [])
        // The end, the head's part of the index, the manifest, the tables, the other parts, the content.
        #expect(wire.ranges == 6)
        let index = try bundle.index()
        #expect(source.asked.last == index.parts[1].start..<index.end)
    }

    @Test func changesFarApartAreFetchedApart() throws {
        let bundle = try BuiltBundle(Self.project(Self.script()))
        let box = MemoryBox()
        try box.update(from: bundle.source, .digest(bundle.digest))
        let head = try #require(box.head)
        let environment = try #require(head.tables.last).contents.files
        // 500 files of some 700 bytes lie between the first and the others, fewer than 64 KiB between those two.
        for place in [10, 800, 830] { box.forget(environment[place].digest) }
        let source = bundle.source
        let wire = try box.update(from: source, .manifest(head.manifestBytes))
        #expect(box.wrong == [])
        #expect(box.told == [10, 800, 830].map { "env/\(environment[$0].path)" })
        #expect(source.asked.count == 4)
        #expect(wire.data < 40_000)

        var rules = RangeRules()
        rules.gapBytes = 0
        for place in [10, 800, 830] { box.forget(environment[place].digest) }
        let exact = try box.update(from: bundle.source, .manifest(head.manifestBytes), rules: rules)
        #expect(exact.ranges == 5)
        #expect(exact.data < 4000)
    }
}
