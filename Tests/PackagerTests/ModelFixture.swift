import FileSystem

@testable import Packager

/// The model files in Fixtures/models; make.py there made them.
enum ModelFixture {
    static let folder =
        String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/Fixtures/models"

    static func path(_ name: String) -> String { "\(folder)/\(name)" }

    static func model(_ name: String) throws -> ONNXModel { try ONNXModel.read(path(name)) }
}

/// Writes protobuf messages for files too large, or too wrong, to keep.
struct ModelBytes {
    private(set) var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    func integer(_ number: UInt64, _ value: UInt64) -> ModelBytes {
        ModelBytes(bytes: bytes + Self.varint(number << 3) + Self.varint(value))
    }

    func field(_ number: UInt64, _ content: [UInt8]) -> ModelBytes {
        ModelBytes(bytes: bytes + Self.varint(number << 3 | 2) + Self.varint(UInt64(content.count)) + content)
    }

    func field(_ number: UInt64, _ content: String) -> ModelBytes { field(number, Array(content.utf8)) }

    func field(_ number: UInt64, _ content: ModelBytes) -> ModelBytes { field(number, content.bytes) }

    func raw(_ content: [UInt8]) -> ModelBytes { ModelBytes(bytes: bytes + content) }

    /// A model of IR version 9 and operator set 17 around a graph.
    static func model(graph: ModelBytes) -> [UInt8] {
        ModelBytes().integer(1, 9).field(8, ModelBytes().integer(2, 17)).field(7, graph).bytes
    }

    /// A TensorProto with data in field `number`.
    static func tensor(_ name: String, field number: UInt64 = 9, data: [UInt8]) -> ModelBytes {
        ModelBytes().integer(1, UInt64(data.count)).integer(2, 2).field(8, name).field(number, data)
    }
}

/// Reads a model from bytes.
func parseModel(_ bytes: [UInt8]) throws -> ONNXModel {
    try bytes.withUnsafeBytes { buffer in try ONNXModel(buffer, path: "m.onnx") }
}
