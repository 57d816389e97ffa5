import ONNXRuntime

extension Tensor {
    /// Appends the elements as a flat JSON array.
    ///
    /// Floats are the shortest digits that read back as the same value of their own width, so 0.1 in FP32 is `0.1`.
    /// Throws `unrepresentable` for what JSON can't say: NaN, infinities, half floats, and strings that aren't UTF-8.
    func appendJSON(to buffer: inout OpenInferenceBuffer, name: String) throws(OpenInferenceError) {
        switch elementType {
        case .bool: append(UInt8.self, &buffer) { $1.append($0 == 0 ? "false" : "true") }
        case .uint8: appendIntegers(UInt8.self, &buffer)
        case .uint16: appendIntegers(UInt16.self, &buffer)
        case .uint32: appendIntegers(UInt32.self, &buffer)
        case .uint64: appendIntegers(UInt64.self, &buffer)
        case .int8: appendIntegers(Int8.self, &buffer)
        case .int16: appendIntegers(Int16.self, &buffer)
        case .int32: appendIntegers(Int32.self, &buffer)
        case .int64: appendIntegers(Int64.self, &buffer)
        case .float32: try appendFloats(Float.self, &buffer, name: name)
        case .float64: try appendFloats(Double.self, &buffer, name: name)
        case .bytes: try appendStrings(&buffer, name: name)
        case .float16, .bfloat16:
            throw .unrepresentable(
                output: name,
                problem: "is \(elementType.name), which has no JSON form; ask for it with binary_data"
            )
        }
    }

    @inline(__always)
    private func append<Number: BitwiseCopyable, Failure: Error>(
        _ type: Number.Type,
        _ buffer: inout OpenInferenceBuffer,
        _ each: (Number, inout OpenInferenceBuffer) throws(Failure) -> Void
    ) throws(Failure) {
        buffer.append(UInt8(ascii: "["))
        try withNumbers(as: type) { (numbers) throws(Failure) in
            for index in numbers.indices {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                try each(numbers[index], &buffer)
            }
        }
        buffer.append(UInt8(ascii: "]"))
    }

    private func appendIntegers<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type,
        _ buffer: inout OpenInferenceBuffer
    ) {
        append(type, &buffer) { $1.append(integer: $0) }
    }

    private func appendFloats<Number: BinaryFloatingPoint & LosslessStringConvertible & BitwiseCopyable>(
        _ type: Number.Type,
        _ buffer: inout OpenInferenceBuffer,
        name: String
    ) throws(OpenInferenceError) {
        var index = 0
        try append(type, &buffer) { (number, buffer) throws(OpenInferenceError) in
            guard number.isFinite else {
                throw .unrepresentable(
                    output: name,
                    problem: "has the value \(number) at \(index), which has no JSON form; ask for it with binary_data"
                )
            }
            buffer.append(text: number.description)
            index += 1
        }
    }

    private func appendStrings(
        _ buffer: inout OpenInferenceBuffer,
        name: String
    ) throws(OpenInferenceError) {
        guard let offsets = memory.offsets else { return }
        buffer.append(UInt8(ascii: "["))
        try withBytes { (bytes) throws(OpenInferenceError) in
            for index in 0..<elementCount {
                if index > 0 { buffer.append(UInt8(ascii: ",")) }
                let text = UnsafeRawBufferPointer(rebasing: bytes[offsets[index]..<offsets[index + 1]])
                guard String(validating: text, as: UTF8.self) != nil else {
                    throw .unrepresentable(
                        output: name,
                        problem: "has a string that is not UTF-8 at \(index); ask for it with binary_data"
                    )
                }
                buffer.appendJSONString(text)
            }
        }
        buffer.append(UInt8(ascii: "]"))
    }
}
