/// The datatype of a tensor's elements, by its name in the Open Inference Protocol v2.
///
/// Raw values are ONNX Runtime's ONNXTensorElementDataType; complex numbers, 8-bit floats and 4-bit integers have no
/// name in the protocol and are left out.
package enum ElementType: Int32, CaseIterable, Sendable {
    case float32 = 1
    case uint8 = 2
    case int8 = 3
    case uint16 = 4
    case int16 = 5
    case int32 = 6
    case int64 = 7
    /// Strings: sequences of bytes of any length, UTF-8 by convention.
    case bytes = 8
    case bool = 9
    case float16 = 10
    case float64 = 11
    case uint32 = 12
    case uint64 = 13
    case bfloat16 = 16

    /// The name in the Open Inference Protocol, for instance `FP32`.
    package var name: String {
        switch self {
        case .bool: "BOOL"
        case .uint8: "UINT8"
        case .uint16: "UINT16"
        case .uint32: "UINT32"
        case .uint64: "UINT64"
        case .int8: "INT8"
        case .int16: "INT16"
        case .int32: "INT32"
        case .int64: "INT64"
        case .float16: "FP16"
        case .bfloat16: "BF16"
        case .float32: "FP32"
        case .float64: "FP64"
        case .bytes: "BYTES"
        }
    }

    /// The type of that name, or nil.
    package init?(name: String) {
        switch name {
        case "BOOL": self = .bool
        case "UINT8": self = .uint8
        case "UINT16": self = .uint16
        case "UINT32": self = .uint32
        case "UINT64": self = .uint64
        case "INT8": self = .int8
        case "INT16": self = .int16
        case "INT32": self = .int32
        case "INT64": self = .int64
        case "FP16": self = .float16
        case "BF16": self = .bfloat16
        case "FP32": self = .float32
        case "FP64": self = .float64
        case "BYTES": self = .bytes
        default: return nil
        }
    }

    /// Bytes of one element in memory and on the wire; 0 for strings, which have no fixed size.
    package var byteCount: Int {
        switch self {
        case .bytes: 0
        case .bool, .uint8, .int8: 1
        case .uint16, .int16, .float16, .bfloat16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64: 8
        }
    }
}
