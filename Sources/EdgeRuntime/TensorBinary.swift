import ONNXRuntime

// The binary form of the protocol's extension `binary_tensor_data`: little-endian, row-major, BOOL as one byte, a string
// as its length in 32 bits and its bytes. Every system this runs on is little-endian, so numbers are copied as they lie.

extension Tensor {
    /// Reads a tensor's binary form, which must fill the shape exactly.
    init(
        _ elementType: ElementType,
        shape: [Int],
        binary: UnsafeRawBufferPointer,
        input: String
    ) throws(OpenInferenceError) {
        let count = shape.reduce(1, *)
        if elementType == .bytes {
            let memory = try Self.strings(binary, shape: shape, count: count, input: input)
            self.init(elementType: .bytes, shape: shape, memory: memory)
            return
        }
        let wanted = count * elementType.byteCount
        guard binary.count == wanted else {
            throw .wrongData(
                input: input,
                problem: "\(binary.count) bytes of binary data for \(elementType.name) \(shape), which takes \(wanted)"
            )
        }
        if elementType == .bool, let index = binary.firstIndex(where: { $0 > 1 }) {
            throw .wrongData(input: input, problem: "byte \(index) of the binary data is \(binary[index]), not 0 or 1")
        }
        let memory = OwnedTensorMemory(byteCount: wanted) { $0.copyMemory(from: binary) }
        self.init(elementType: elementType, shape: shape, memory: memory)
    }

    private static func strings(
        _ binary: UnsafeRawBufferPointer,
        shape: [Int],
        count: Int,
        input: String
    ) throws(OpenInferenceError) -> OwnedTensorMemory {
        // Every string takes four bytes at least, so a shape can't ask for more memory than the body warrants.
        guard count <= binary.count / 4 else {
            throw .wrongData(
                input: input,
                problem: "\(binary.count) bytes of binary data are too few for BYTES \(shape)"
            )
        }
        var text: [UInt8] = []
        text.reserveCapacity(binary.count - 4 * count)
        var offsets = [0]
        offsets.reserveCapacity(count + 1)
        var at = 0
        for index in 0..<count {
            guard binary.count - at >= 4 else {
                throw .wrongData(input: input, problem: "the binary data ends before string \(index)")
            }
            let length = Int(UInt32(littleEndian: binary.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
            at += 4
            guard length <= binary.count - at else {
                throw .wrongData(input: input, problem: "the binary data ends inside string \(index)")
            }
            text.append(contentsOf: binary[at..<at + length])
            offsets.append(text.count)
            at += length
        }
        guard at == binary.count else {
            throw .wrongData(input: input, problem: "\(binary.count - at) bytes of binary data follow the last string")
        }
        return text.withUnsafeBytes { OwnedTensorMemory(stringBytes: $0, offsets: offsets) }
    }

    /// Bytes of the binary form.
    var binaryByteCount: Int {
        elementType == .bytes ? memory.byteCount + 4 * elementCount : memory.byteCount
    }

    /// Appends the binary form.
    func appendBinary(to buffer: inout OpenInferenceBuffer) {
        guard let offsets = memory.offsets else {
            withBytes { buffer.append($0) }
            return
        }
        withBytes { bytes in
            for index in 0..<elementCount {
                let text = bytes[offsets[index]..<offsets[index + 1]]
                var length = UInt32(text.count).littleEndian
                withUnsafeBytes(of: &length) { buffer.append($0) }
                buffer.append(UnsafeRawBufferPointer(rebasing: text))
            }
        }
    }
}
