import Diagnostics
import FileSystem
import Glibc
import Testing

@testable import Packager

@Suite("ONNXModel")
struct ModelONNXTests {
    static let large = [UInt8](repeating: 7, count: ONNXModel.largeTensorBytes)

    @Test
    func findsWhereLargeTensorsBegin() throws {
        let graph = ModelBytes()
            .field(5, ModelBytes.tensor("raw", data: Self.large))
            .field(5, ModelBytes.tensor("small", data: Array(Self.large.dropLast())))
            .field(5, ModelBytes.tensor("packed", field: 4, data: Self.large))
            .field(15, ModelBytes().field(1, ModelBytes.tensor("sparse", data: Self.large)))
            .field(1, ModelBytes().field(5, ModelBytes().field(5, ModelBytes.tensor("constant", data: Self.large))))
        let bytes = ModelBytes.model(graph: graph)
        let starts = try parseModel(bytes).tensorStarts
        #expect(starts.count == 4)
        #expect(starts == starts.sorted())
        for start in starts {
            #expect(Array(bytes[start..<start + Self.large.count]) == Self.large)
            #expect(bytes[start - 1] != 7, "the data begins here, not before")
        }
    }

    @Test
    func findsNoneInASmallModel() throws {
        #expect(try ModelFixture.model("linear.onnx").tensorStarts.isEmpty)
    }

    @Test
    func listsExternalDataByFile() throws {
        let model = try ModelFixture.model("external.onnx")
        #expect(
            model.externalData == [
                ONNXModel.ExternalData(location: "data/weights.bin", neededBytes: 60, tensorStarts: [])
            ]
        )
    }

    @Test
    func findsLargeTensorsInExternalData() throws {
        func external(_ name: String, _ entries: [(String, String)]) -> ModelBytes {
            entries.reduce(ModelBytes().field(8, name).integer(14, 1)) { tensor, entry in
                tensor.field(13, ModelBytes().field(1, entry.0).field(2, entry.1))
            }
        }
        let graph = ModelBytes()
            .field(5, external("c", [("location", "w.bin"), ("offset", "700000")]))
            .field(5, external("a", [("location", "w.bin"), ("length", "300000"), ("offset", "300000")]))
            .field(5, external("b", [("location", "w.bin"), ("length", "12"), ("offset", "600000")]))
        let model = try parseModel(ModelBytes.model(graph: graph))
        #expect(
            model.externalData == [
                ONNXModel.ExternalData(location: "w.bin", neededBytes: 700_000, tensorStarts: [300_000, 700_000])
            ]
        )
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let file: String
        let message: String
        var testDescription: String { file }
    }

    @Test(arguments: [
        Refusal(
            file: "external-above.onnx",
            message: "keeps tensor data in \"../weights.bin\", which is no plain path inside its folder"
        ),
        Refusal(
            file: "external-absolute.onnx",
            message: "keeps tensor data in \"/etc/passwd\", which is no plain path inside its folder"
        ),
        Refusal(
            file: "external-in-memory.onnx",
            message: "keeps tensor data in \"*/_ORT_MEM_ADDR_/*\", which is not there"
        ),
        Refusal(file: "external-missing.onnx", message: "keeps tensor data in \"data/none.bin\", which is not there"),
        Refusal(
            file: "external-short.onnx",
            message: "needs 68 bytes of tensor data in \"data/weights.bin\", which has 60"
        ),
        Refusal(
            file: "external-nameless.onnx",
            message: "is not a valid ONNX file: a tensor with external data names no file at byte 135"
        ),
        Refusal(
            file: "external-negative.onnx",
            message: "is not a valid ONNX file: the offset of external data is no number of bytes at byte 177"
        ),
        Refusal(
            file: "external-in-constant.onnx",
            message: "keeps tensor data in \"../hidden.bin\", which is no plain path inside its folder"
        ),
        Refusal(
            file: "external-in-subgraph.onnx",
            message: "keeps tensor data in \"../hidden.bin\", which is no plain path inside its folder"
        ),
        Refusal(
            file: "external-in-function.onnx",
            message: "keeps tensor data in \"../hidden.bin\", which is no plain path inside its folder"
        ),
        Refusal(file: "git-lfs-pointer.onnx", message: "is a Git LFS pointer, not the model"),
        Refusal(
            file: "small.safetensors",
            message: "is not a valid ONNX file: no field has this number at byte 3"
        ),
        Refusal(file: "data/weights.bin", message: "is not a valid ONNX file: no field has this number at byte 0"),
    ])
    func refusesWithPathAndReason(refusal: Refusal) throws {
        let path = ModelFixture.path(refusal.file)
        let error = #expect(throws: ModelError.self) { try ONNXModel.read(path) }
        #expect(error?.message == "\(path) \(refusal.message)")
        #expect(error?.exitCode == .dataError)
    }

    @Test
    func refusesExternalDataBehindALink() throws {
        let folder = try TemporaryDirectory(prefix: "model-tests")
        let model = try FileSystem.read(ModelFixture.path("external.onnx"), limit: 10_000)
        try FileSystem.write(model, to: "\(folder.path)/m.onnx")
        try FileSystem.createDirectories("\(folder.path)/data")
        #expect(symlink("/etc/passwd", "\(folder.path)/data/weights.bin") == 0)
        #expect(throws: ModelError.self) { try ONNXModel.read("\(folder.path)/m.onnx") }
    }

    struct Malformed: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let bytes: [UInt8]
        let problem: String
        let offset: Int
    }

    static let nested = (0..<40).reduce(ModelBytes()) { graph, _ in
        ModelBytes().field(1, ModelBytes().field(5, ModelBytes().field(6, graph)))
    }

    static let malformed = [
        Malformed(testDescription: "empty", bytes: [], problem: "the model has no IR version", offset: 0),
        Malformed(
            testDescription: "no graph",
            bytes: ModelBytes().integer(1, 9).field(8, ModelBytes().integer(2, 17)).bytes,
            problem: "the model has no graph",
            offset: 6
        ),
        Malformed(
            testDescription: "no operator set",
            bytes: ModelBytes().integer(1, 9).field(7, "").bytes,
            problem: "the model has no operator set",
            offset: 4
        ),
        Malformed(
            testDescription: "two graphs",
            bytes: ModelBytes().integer(1, 9).field(7, "").field(7, "").bytes,
            problem: "a second graph begins",
            offset: 4
        ),
        Malformed(
            testDescription: "graph as a number",
            bytes: ModelBytes().integer(1, 9).integer(7, 1).bytes,
            problem: "a field has the wrong wire type",
            offset: 2
        ),
        Malformed(
            testDescription: "field over the end",
            bytes: [8, 9, 58, 5, 0],
            problem: "a field is longer than what holds it",
            offset: 2
        ),
        Malformed(
            testDescription: "field of nearly 2^64 bytes",
            bytes: [8, 9, 58] + [UInt8](repeating: 0xFF, count: 9) + [1],
            problem: "a field is longer than what holds it",
            offset: 2
        ),
        Malformed(
            testDescription: "number of more than 64 bits",
            bytes: [8] + [UInt8](repeating: 0xFF, count: 9) + [2],
            problem: "a number has more than 64 bits",
            offset: 1
        ),
        Malformed(
            testDescription: "number of eleven bytes",
            bytes: [8] + [UInt8](repeating: 0x80, count: 11),
            problem: "a number has more than 64 bits",
            offset: 1
        ),
        Malformed(
            testDescription: "cut in a number",
            bytes: [8, 0x80],
            problem: "the data ends inside a number",
            offset: 1
        ),
        Malformed(
            testDescription: "cut in a double",
            bytes: [0x79, 0, 0, 0],
            problem: "the data ends inside a number",
            offset: 1
        ),
        Malformed(testDescription: "group", bytes: [0x0B], problem: "a field has no known wire type", offset: 0),
        Malformed(
            testDescription: "graphs in graphs",
            bytes: ModelBytes.model(graph: nested),
            problem: "graphs are nested deeper than 32 levels",
            offset: 263
        ),
        Malformed(
            testDescription: "input without type",
            bytes: ModelBytes.model(graph: ModelBytes().field(11, ModelBytes().field(1, "x"))),
            problem: "the input or output \"x\" has no type",
            offset: 10
        ),
        Malformed(
            testDescription: "input without name",
            bytes: ModelBytes.model(graph: ModelBytes().field(11, "")),
            problem: "an input or output has no name",
            offset: 10
        ),
        Malformed(
            testDescription: "name that is not UTF-8",
            bytes: ModelBytes.model(graph: ModelBytes().field(11, ModelBytes().field(1, [0xC0, 0xAF]))),
            problem: "a name is not UTF-8",
            offset: 12
        ),
        Malformed(
            testDescription: "long name",
            bytes: ModelBytes.model(
                graph: ModelBytes().field(11, ModelBytes().field(1, [UInt8](repeating: 65, count: 4097)))
            ),
            problem: "a name has more than 4096 bytes",
            offset: 15
        ),
    ]

    @Test(arguments: malformed)
    func refusesMalformedBytesWithTheirOffset(malformed: Malformed) {
        #expect(
            throws: ModelError.malformed(
                path: "m.onnx",
                format: "ONNX",
                offset: malformed.offset,
                problem: malformed.problem
            )
        ) { try parseModel(malformed.bytes) }
    }

    @Test(arguments: ["external.onnx", "containers.onnx", "external-in-subgraph.onnx", "sparse-initializer.onnx"])
    func survivesEveryCutAndEveryFlippedBit(name: String) throws {
        let bytes = try FileSystem.read(ModelFixture.path(name), limit: 10_000)
        for length in bytes.indices {
            _ = try? parseModel(Array(bytes.prefix(length)))
        }
        for position in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[position] ^= 1 << bit
                _ = try? parseModel(damaged)
            }
        }
    }

    @Test
    func readsAModelWithoutTouchingItsWeights() throws {
        let folder = try TemporaryDirectory(prefix: "model-tests")
        let path = "\(folder.path)/large.onnx"
        // A tensor of 3 GiB in a file that takes no space: the weights are a hole.
        let size = UInt64(3) << 30
        var tensor = ModelBytes().integer(2, 2).field(8, "weights").bytes + ModelBytes.varint(9 << 3 | 2)
        tensor += ModelBytes.varint(size)
        var graph = ModelBytes.varint(5 << 3 | 2) + ModelBytes.varint(UInt64(tensor.count) + size)
        graph += tensor
        var model = ModelBytes().integer(1, 9).field(8, ModelBytes().integer(2, 17)).bytes
        model += ModelBytes.varint(7 << 3 | 2) + ModelBytes.varint(UInt64(graph.count) + size) + graph
        try FileSystem.write(model, to: path)
        try #require(truncate(path, off_t(model.count) + off_t(size)) == 0)
        #expect(try ONNXModel.read(path).tensorStarts == [model.count])
        try #require(truncate(path, off_t(model.count) + off_t(size) - 1) == 0)
        #expect(throws: ModelError.self) { try ONNXModel.read(path) }
    }
}
