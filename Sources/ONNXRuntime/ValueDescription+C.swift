import CONNXRuntime

extension ValueDescription {
    /// Copies a description; the caller still clears it.
    init(_ description: onnx_description) {
        let name = description.name.map { String(cString: $0) } ?? ""
        self.init(name: name, kind: ValueKind(description))
    }
}

extension ValueKind {
    fileprivate init(_ description: onnx_description) {
        switch UInt32(bitPattern: description.kind) {
        case ONNX_KIND_TENSOR.rawValue:
            guard let elementType = ElementType(rawValue: description.element_type) else {
                self = .other("a tensor of element type \(description.element_type) of ONNX")
                return
            }
            self = .tensor(elementType, dimensions: Self.dimensions(description))
        case ONNX_KIND_SEQUENCE.rawValue where description.element_kind == Int32(ONNX_KIND_MAP.rawValue):
            self = Self.maps(description)
        case ONNX_KIND_SEQUENCE.rawValue:
            self = .other("a sequence of tensors")
        case ONNX_KIND_MAP.rawValue: self = .other("a map")
        case ONNX_KIND_SPARSE_TENSOR.rawValue: self = .other("a sparse tensor")
        case ONNX_KIND_OPTIONAL.rawValue: self = .other("an optional value")
        default: self = .other("a value of ONNX kind \(description.kind)")
        }
    }

    private static func maps(_ description: onnx_description) -> ValueKind {
        switch (ElementType(rawValue: description.key_type), ElementType(rawValue: description.element_type)) {
        case (.bytes, .float32): .probabilityMaps(keys: .bytes)
        case (.int64, .float32): .probabilityMaps(keys: .int64)
        case (let key, let value):
            .other("a sequence of maps from \(key?.name ?? "another type") to \(value?.name ?? "another type")")
        }
    }

    private static func dimensions(_ description: onnx_description) -> [Dimension] {
        withUnsafeBytes(of: description.shape) { shape in
            withUnsafeBytes(of: description.symbols) { symbols in
                let sizes = shape.assumingMemoryBound(to: Int64.self)
                let names = symbols.assumingMemoryBound(to: UnsafeMutablePointer<CChar>?.self)
                return (0..<Int(description.rank)).map { index in
                    Dimension(size: Int(sizes[index]), symbol: names[index].map { String(cString: $0) })
                }
            }
        }
    }
}
