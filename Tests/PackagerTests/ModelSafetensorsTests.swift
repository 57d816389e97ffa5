import Diagnostics
import FileSystem
import Testing

@testable import Packager

@Suite("SafetensorsFile")
struct ModelSafetensorsTests {
    static func file(_ header: String, dataBytes: Int) -> [UInt8] {
        let length = UInt64(header.utf8.count)
        let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * UInt64($0))) }
        return prefix + Array(header.utf8) + [UInt8](repeating: 0, count: dataBytes)
    }

    static func parse(_ bytes: [UInt8]) throws -> SafetensorsFile {
        try bytes.withUnsafeBytes { buffer in try SafetensorsFile(buffer, path: "m.safetensors") }
    }

    @Test
    func readsWhatTheLibraryWrote() throws {
        #expect(try SafetensorsFile.read(ModelFixture.path("small.safetensors")).tensorStarts.isEmpty)
    }

    @Test
    func findsWhereLargeTensorsBegin() throws {
        let header =
            #"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[75000],"data_offsets":[12,300012]},"#
            + #""a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"#
            + #""c":{"dtype":"U8","shape":[262144],"data_offsets":[300012,562156]}}"#
        let start = 8 + header.utf8.count
        #expect(
            try Self.parse(Self.file(header, dataBytes: 562_156)).tensorStarts == [start + 12, start + 300_012]
        )
    }

    @Test(arguments: [
        ("{}", 0, true),
        (#"{"a":{"data_offsets":[0,4]}}"#, 4, true),
        (#"{"a":{"data_offsets":[0,5]}}"#, 4, false),
        (#"{"a":{"data_offsets":[-1,4]}}"#, 4, false),
        (#"{"a":{"data_offsets":[3,2]}}"#, 4, false),
        (#"{"a":{"data_offsets":[0]}}"#, 4, false),
        (#"{"a":{"data_offsets":[0,1,2]}}"#, 4, false),
        (#"{"a":{"data_offsets":[0,99999999999999999999]}}"#, 4, false),
        (#"{"a":{}}"#, 4, false),
        (#"{"a":1}"#, 4, false),
        (#"{"a":{"data_offsets":[0,1]},"a":{"data_offsets":[1,2]}}"#, 4, false),
        ("[]", 4, false),
        ("{", 4, false),
    ])
    func checksThatTensorsLieWithinTheData(header: String, dataBytes: Int, isValid: Bool) {
        let bytes = Self.file(header, dataBytes: dataBytes)
        if isValid {
            #expect(throws: Never.self) { try Self.parse(bytes) }
        } else {
            let error = #expect(throws: ModelError.self) { try Self.parse(bytes) }
            #expect(error?.exitCode == .dataError)
            #expect(error?.message.contains("at byte 8") == true)
        }
    }

    @Test(arguments: [
        [UInt8](), [1, 2, 3], [255, 255, 255, 255, 255, 255, 255, 255], [3, 0, 0, 0, 0, 0, 0, 0, 123, 125],
    ])
    func refusesAHeaderLongerThanTheFile(bytes: [UInt8]) {
        #expect(throws: ModelError.self) { try Self.parse(bytes) }
    }

    @Test
    func findsCutPointsInEveryModelFileOfAFolder() throws {
        let folder = try TemporaryDirectory(prefix: "model-tests")
        let large = [UInt8](repeating: 7, count: 300_000)
        func external(_ offset: Int) -> ModelBytes {
            [("location", "w.bin"), ("offset", "\(offset)"), ("length", "300000")].reduce(ModelBytes().integer(14, 1)) {
                $0.field(13, ModelBytes().field(1, $1.0).field(2, $1.1))
            }
        }
        let graph = ModelBytes()
            .field(5, external(0))
            .field(5, external(300_000))
            .field(5, ModelBytes.tensor("inside", data: large))
        let model = ModelBytes.model(graph: graph)
        try FileSystem.createDirectories("\(folder.path)/deep")
        try FileSystem.write(model, to: "\(folder.path)/deep/m.onnx")
        try FileSystem.write(large + large, to: "\(folder.path)/deep/w.bin")
        let header = #"{"a":{"data_offsets":[0,300000]}}"#
        try FileSystem.write(Self.file(header, dataBytes: 300_000), to: "\(folder.path)/m.safetensors")
        try FileSystem.write(large, to: "\(folder.path)/labels.txt")
        let files = ["deep/m.onnx", "deep/w.bin", "labels.txt", "m.safetensors"]
        #expect(
            try ModelCutPoints.find(in: folder.path, files: files) == [
                "deep/m.onnx": [model.count - 300_000],
                "deep/w.bin": [0, 300_000],
                "m.safetensors": [8 + header.utf8.count],
            ]
        )
    }
}
