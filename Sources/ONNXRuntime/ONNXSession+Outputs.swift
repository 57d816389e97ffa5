import CONNXRuntime

extension ONNXSession {
    /// Reads the values of a run; those whose memory is used in place are taken over and left nil.
    func take(_ values: inout [OpaquePointer?], as wanted: [Int]) throws(ONNXRuntimeError) -> [ONNXValue] {
        var read: [ONNXValue] = []
        read.reserveCapacity(wanted.count)
        for (position, index) in wanted.enumerated() {
            do throws(Failure) {
                guard let value = values[position] else { throw Failure(reason: "it has no value") }
                if case .probabilityMaps = outputs[index].kind {
                    read.append(.probabilityMaps(try readMaps(value)))
                } else {
                    let (tensor, isTaken) = try readTensor(value)
                    if isTaken { values[position] = nil }
                    read.append(.tensor(tensor))
                }
            } catch {
                throw .runFailed(model: modelPath, reason: "output \"\(outputs[index].name)\": \(error.reason)")
            }
        }
        return read
    }

    /// The tensor in `value`, and whether it now owns the value; strings are copied and leave it.
    private func readTensor(_ value: OpaquePointer) throws(Failure) -> (Tensor, isTaken: Bool) {
        var view = onnx_tensor_view()
        try check(onnx_value_view(library.handle, value, &view))
        guard let elementType = ElementType(rawValue: view.element_type) else {
            throw Failure(reason: "it holds elements of ONNX type \(view.element_type)")
        }
        let shape = withUnsafeBytes(of: view.shape) { sizes in
            sizes.assumingMemoryBound(to: Int64.self)[..<Int(view.rank)].map { Int($0) }
        }
        if elementType == .bytes {
            let memory = try readStrings(value, count: view.count)
            return (Tensor(elementType: .bytes, shape: shape, memory: memory), false)
        }
        let byteCount = view.count * elementType.byteCount
        let memory = ValueMemory(library: library, value: value, base: view.data, byteCount: byteCount)
        return (Tensor(elementType: elementType, shape: shape, memory: memory), true)
    }

    private func readStrings(_ value: OpaquePointer, count: Int) throws(Failure) -> TensorMemory {
        var byteCount = 0
        try check(onnx_string_tensor_bytes(library.handle, value, &byteCount))
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var offsets = [Int](repeating: 0, count: count + 1)
        // The library writes where each string starts; the end of the last one is added here.
        try check(onnx_string_tensor_read(library.handle, value, &bytes, byteCount, &offsets, count))
        offsets[count] = byteCount
        return bytes.withUnsafeBytes { OwnedTensorMemory(stringBytes: $0, offsets: offsets) }
    }

    /// The elements of a sequence of maps; each map is a tensor of keys and one of values of the same length.
    private func readMaps(_ sequence: OpaquePointer) throws(Failure) -> [ProbabilityMap] {
        var count = 0
        try check(onnx_value_count(library.handle, sequence, &count))
        var maps: [ProbabilityMap] = []
        maps.reserveCapacity(count)
        for index in 0..<count {
            let map = try element(index, of: sequence)
            defer { onnx_value_release(library.handle, map) }
            let keys = try readElement(0, of: map)
            let values = try readElement(1, of: map)
            guard values.elementType == .float32, keys.elementCount == values.elementCount else {
                throw Failure(reason: "keys and values of a map don't match")
            }
            let probabilities = values.numbers(as: Float.self)
            let entries = try Self.keys(keys).enumerated().map {
                ProbabilityMap.Entry(key: $0.element, probability: probabilities[$0.offset])
            }
            maps.append(ProbabilityMap(entries: entries))
        }
        return maps
    }

    private static func keys(_ tensor: Tensor) throws(Failure) -> [ProbabilityMap.Key] {
        switch tensor.elementType {
        case .bytes: tensor.strings.map { .string($0) }
        case .int64: tensor.numbers(as: Int64.self).map { .integer($0) }
        default: throw Failure(reason: "a map has keys of \(tensor.elementType.name)")
        }
    }

    private func readElement(_ index: Int, of map: OpaquePointer) throws(Failure) -> Tensor {
        let value = try element(index, of: map)
        do throws(Failure) {
            let (tensor, isTaken) = try readTensor(value)
            if !isTaken { onnx_value_release(library.handle, value) }
            return tensor
        } catch {
            onnx_value_release(library.handle, value)
            throw error
        }
    }

    private func element(_ index: Int, of value: OpaquePointer) throws(Failure) -> OpaquePointer {
        var element: OpaquePointer?
        try check(onnx_value_element(library.handle, value, index, &element))
        guard let element else { throw Failure(reason: "element \(index) has no value") }
        return element
    }
}

/// Memory of an output, which the library's value owns and this releases.
private final class ValueMemory: TensorMemory, @unchecked Sendable {
    private let library: ONNXRuntimeLibrary
    private let value: OpaquePointer

    init(library: ONNXRuntimeLibrary, value: OpaquePointer, base: UnsafeMutableRawPointer?, byteCount: Int) {
        self.library = library
        self.value = value
        super.init(base: base, byteCount: byteCount, offsets: nil)
    }

    deinit { onnx_value_release(library.handle, value) }
}
