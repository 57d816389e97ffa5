/// The type of an input or output (TypeProto), in the words of the Open Inference Protocol.
struct ONNXValueType {
    /// Types within types: `sequence(map(...))` needs two.
    private static let depthLimit = 8

    let datatype: String
    /// Nil where the number of dimensions is open, or for what is no tensor.
    let shape: [ModelValue.Dimension]?

    init(_ bytes: UnsafeRawBufferPointer, path: String, range: Range<Int>) throws(ModelError) {
        try self.init(bytes, path: path, range: range, depth: 0)
    }

    private init(_ bytes: UnsafeRawBufferPointer, path: String, range: Range<Int>, depth: Int) throws(ModelError) {
        var reader = ModelProtobufReader(bytes, path: path, range: range)
        guard depth < Self.depthLimit else {
            throw reader.malformed("types are nested deeper than \(Self.depthLimit) levels", at: range.lowerBound)
        }
        var datatype: String?
        var shape: [ModelValue.Dimension]?
        while let field = try reader.next() {
            guard case .bytes(let range) = field.value else { continue }
            switch field.number {
            case 1:
                let tensor = try Tensor(bytes, path: path, range: range)
                (datatype, shape) = (tensor.datatype, tensor.shape)
            case 4: datatype = "sequence(\(try Self.inner(1, bytes, path: path, range: range, depth: depth)))"
            case 5:
                let key = try Tensor(bytes, path: path, range: range, isMap: true).datatype
                datatype = "map(\(key),\(try Self.inner(2, bytes, path: path, range: range, depth: depth)))"
            case 7: datatype = "opaque"
            case 8: datatype = "sparse(\(try Tensor(bytes, path: path, range: range).datatype))"
            case 9: datatype = "optional(\(try Self.inner(1, bytes, path: path, range: range, depth: depth)))"
            default: break
            }
        }
        guard let datatype else { throw reader.malformed("a type is of no known kind", at: range.lowerBound) }
        self.datatype = datatype
        self.shape = shape
    }

    /// The element type of a sequence or optional (field 1), or the value type of a map (field 2).
    private static func inner(
        _ number: Int,
        _ bytes: UnsafeRawBufferPointer,
        path: String,
        range: Range<Int>,
        depth: Int
    ) throws(ModelError) -> String {
        var reader = ModelProtobufReader(bytes, path: path, range: range)
        while let field = try reader.next() {
            guard field.number == number, case .bytes(let range) = field.value else { continue }
            return try ONNXValueType(bytes, path: path, range: range, depth: depth + 1).datatype
        }
        throw reader.malformed("a type names no element type", at: range.lowerBound)
    }

    /// TypeProto.Tensor and SparseTensor (element type 1, shape 2), and the key of a Map (1).
    private struct Tensor {
        let datatype: String
        let shape: [ModelValue.Dimension]?

        init(
            _ bytes: UnsafeRawBufferPointer,
            path: String,
            range: Range<Int>,
            isMap: Bool = false
        ) throws(ModelError) {
            var reader = ModelProtobufReader(bytes, path: path, range: range)
            var elementType: UInt64 = 0
            var shape: [ModelValue.Dimension]?
            while let field = try reader.next() {
                switch (field.number, field.value) {
                case (1, .integer(let value)): elementType = value
                case (2, .bytes(let range)) where !isMap: shape = try Self.shape(bytes, path: path, range: range)
                default: break
                }
            }
            guard elementType != 0 else { throw reader.malformed("a type names no element type", at: range.lowerBound) }
            datatype = ONNXValueType.name(ofElementType: elementType)
            self.shape = shape
        }

        /// TensorShapeProto.
        private static func shape(
            _ bytes: UnsafeRawBufferPointer,
            path: String,
            range: Range<Int>
        ) throws(ModelError) -> [ModelValue.Dimension] {
            var reader = ModelProtobufReader(bytes, path: path, range: range)
            var dimensions: [ModelValue.Dimension] = []
            while let field = try reader.next() {
                guard field.number == 1, case .bytes(let range) = field.value else { continue }
                guard dimensions.count < 64 else {
                    throw reader.malformed("a shape has more than 64 dimensions", at: field.offset)
                }
                dimensions.append(try dimension(bytes, path: path, range: range))
            }
            return dimensions
        }

        private static func dimension(
            _ bytes: UnsafeRawBufferPointer,
            path: String,
            range: Range<Int>
        ) throws(ModelError) -> ModelValue.Dimension {
            var reader = ModelProtobufReader(bytes, path: path, range: range)
            var dimension = ModelValue.Dimension.dynamic(symbol: nil)
            while let field = try reader.next() {
                switch (field.number, field.value) {
                case (1, .integer(let value)):
                    let extent = Int64(bitPattern: value)
                    // Some exporters write -1 for "any".
                    dimension = extent < 0 ? .dynamic(symbol: nil) : .fixed(extent)
                case (2, .bytes(let range)):
                    let symbol = try bytes.text(at: range, path: path)
                    dimension = .dynamic(symbol: symbol.isEmpty ? nil : symbol)
                default: break
                }
            }
            return dimension
        }
    }

    /// TensorProto.DataType in the protocol's words, in ONNX's own where the protocol has none.
    private static func name(ofElementType type: UInt64) -> String {
        switch type {
        case 1: "FP32"
        case 2: "UINT8"
        case 3: "INT8"
        case 4: "UINT16"
        case 5: "INT16"
        case 6: "INT32"
        case 7: "INT64"
        case 8: "BYTES"
        case 9: "BOOL"
        case 10: "FP16"
        case 11: "FP64"
        case 12: "UINT32"
        case 13: "UINT64"
        case 14: "COMPLEX64"
        case 15: "COMPLEX128"
        case 16: "BF16"
        case 17: "FLOAT8E4M3FN"
        case 18: "FLOAT8E4M3FNUZ"
        case 19: "FLOAT8E5M2"
        case 20: "FLOAT8E5M2FNUZ"
        case 21: "UINT4"
        case 22: "INT4"
        case 23: "FLOAT4E2M1"
        case 24: "FLOAT8E8M0"
        case 25: "UINT2"
        case 26: "INT2"
        case 27: "FLOAT6E2M3"
        case 28: "FLOAT6E3M2"
        default: "ONNX\(type)"
        }
    }
}
