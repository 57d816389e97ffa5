/// Dense values of one datatype in row-major order; copies share the memory.
package struct Tensor: Sendable {
    /// The highest number of dimensions.
    package static let rankLimit = 16

    package let elementType: ElementType
    /// Sizes of the dimensions, outermost first; empty for a scalar.
    package let shape: [Int]
    /// The product of the shape.
    package let elementCount: Int
    package let memory: TensorMemory

    /// Puts a shape on memory. The memory must hold as many elements as the shape says.
    package init(elementType: ElementType, shape: [Int], memory: TensorMemory) {
        let count = shape.reduce(1, *)
        if elementType == .bytes {
            precondition(memory.offsets?.count == count + 1, "strings don't fill the shape")
        } else {
            precondition(memory.byteCount == count * elementType.byteCount, "memory doesn't fill the shape")
        }
        self.elementType = elementType
        self.shape = shape
        self.elementCount = count
        self.memory = memory
    }

    /// A tensor of numbers copied from an array whose element type is laid out as `elementType` says.
    package init<Number: BitwiseCopyable>(_ elementType: ElementType, shape: [Int], numbers: [Number]) {
        precondition(MemoryLayout<Number>.stride == elementType.byteCount, "\(Number.self) isn't \(elementType.name)")
        let memory = numbers.withUnsafeBytes { source in
            OwnedTensorMemory(byteCount: source.count) { $0.copyMemory(from: source) }
        }
        self.init(elementType: elementType, shape: shape, memory: memory)
    }

    /// A tensor of strings, as UTF-8.
    package init(shape: [Int], strings: [String]) {
        var bytes: [UInt8] = []
        var offsets = [0]
        offsets.reserveCapacity(strings.count + 1)
        for string in strings {
            bytes.append(contentsOf: string.utf8)
            offsets.append(bytes.count)
        }
        let memory = bytes.withUnsafeBytes { OwnedTensorMemory(stringBytes: $0, offsets: offsets) }
        self.init(elementType: .bytes, shape: shape, memory: memory)
    }

    /// Lends the bytes of all elements for the duration of the call.
    package func withBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try memory.withBytes(body)
    }

    /// Lends the elements as numbers of `type` for the duration of the call; the type must have the elements' size.
    package func withNumbers<Number: BitwiseCopyable, Result, Failure: Error>(
        as type: Number.Type,
        _ body: (UnsafeBufferPointer<Number>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        precondition(MemoryLayout<Number>.stride == elementType.byteCount, "\(type) isn't \(elementType.name)")
        return try memory.withBytes { (bytes) throws(Failure) in
            try body(UnsafeBufferPointer(start: bytes.baseAddress?.assumingMemoryBound(to: type), count: elementCount))
        }
    }

    /// The elements as numbers of `type`, copied.
    package func numbers<Number: BitwiseCopyable>(as type: Number.Type) -> [Number] {
        withNumbers(as: type) { Array($0) }
    }

    /// The elements of a tensor of strings, with bytes that aren't UTF-8 replaced.
    package var strings: [String] {
        guard let offsets = memory.offsets else { return [] }
        return withBytes { bytes in
            (0..<elementCount).map {
                String(decoding: UnsafeRawBufferPointer(rebasing: bytes[offsets[$0]..<offsets[$0 + 1]]), as: UTF8.self)
            }
        }
    }
}
