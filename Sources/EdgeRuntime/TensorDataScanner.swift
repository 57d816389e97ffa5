import JSON
import ONNXRuntime

/// Reads the `data` array of a tensor, flat or nested, straight into memory in row-major order.
///
/// A nested array must be nested as the shape says: silently flattening rows of uneven length would hand the model
/// shifted values.
struct TensorDataScanner {
    /// The document that the array stands in.
    let bytes: UnsafeRawBufferPointer
    /// Where the next byte is read: at the array's bracket first, behind the array at last.
    private(set) var offset: Int
    private let input: String
    private let shape: [Int]
    /// How many values the shape asks for, and how many of them are kept.
    private let count: Int
    private let kept: Int

    /// - Parameter shape: its product must not overflow.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int, input: String, shape: [Int]) {
        self.bytes = bytes
        self.offset = offset
        self.input = input
        self.shape = shape
        self.count = shape.reduce(1, *)
        // Every value takes two bytes of JSON at least, so a shape can't ask for more memory than the body warrants.
        // What claims more is read to its end all the same, so that the error can say how many values there are.
        self.kept = count <= bytes.count / 2 ? count : 0
    }

    /// The tensor whose values stand here.
    mutating func tensor(_ elementType: ElementType) throws(OpenInferenceError) -> Tensor {
        switch elementType {
        case .bool: try numbers(JSONBoolean.self, .bool)
        case .uint8: try numbers(UInt8.self, .uint8)
        case .uint16: try numbers(UInt16.self, .uint16)
        case .uint32: try numbers(UInt32.self, .uint32)
        case .uint64: try numbers(UInt64.self, .uint64)
        case .int8: try numbers(Int8.self, .int8)
        case .int16: try numbers(Int16.self, .int16)
        case .int32: try numbers(Int32.self, .int32)
        case .int64: try numbers(Int64.self, .int64)
        case .float32: try numbers(Float.self, .float32)
        case .float64: try numbers(Double.self, .float64)
        case .bytes: try strings()
        case .float16, .bfloat16:
            throw .wrongData(
                input: input,
                problem: "\(elementType.name) has no JSON form; send it as binary data, or in FP32 to a model for FP32"
            )
        }
    }

    private mutating func numbers<Element: TensorElement>(
        _ type: Element.Type,
        _ elementType: ElementType
    ) throws(OpenInferenceError) -> Tensor {
        let size = kept * MemoryLayout<Element>.stride
        let memory = try OwnedTensorMemory(byteCount: size) { (memory) throws(OpenInferenceError) in
            var sink = NumberSink<Element>(memory, elementType)
            try scan(&sink)
        }
        return Tensor(elementType: elementType, shape: shape, memory: memory)
    }

    private mutating func strings() throws(OpenInferenceError) -> Tensor {
        var sink = StringSink(count: kept)
        try scan(&sink)
        let memory = sink.bytes.withUnsafeBytes { OwnedTensorMemory(stringBytes: $0, offsets: sink.offsets) }
        return Tensor(elementType: .bytes, shape: shape, memory: memory)
    }

    // MARK: - The array

    /// Reads the array, and hands every value to `sink`.
    private mutating func scan<Sink: TensorElementSink>(_ sink: inout Sink) throws(OpenInferenceError) {
        // How many elements or arrays each open array holds so far.
        var held = InlineArray<16, Int>(repeating: 0)
        var depth = 0
        var index = 0
        // 1 for a flat array, the rank for a nested one; known at the first value or inner array.
        var leafDepth = shape.count == 1 ? 1 : 0
        repeat {
            let byte = try nextByte()
            if byte == UInt8(ascii: "[") {
                if depth > 0 {
                    if leafDepth == 0 { leafDepth = shape.count }
                    guard depth < leafDepth else { throw nestedWrongly(depth + 1) }
                    held[depth - 1] += 1
                }
                offset += 1
                held[depth] = 0
                depth += 1
                if try nextByte() != UInt8(ascii: "]") { continue }
            } else {
                guard byte != UInt8(ascii: "]") else { throw .malformed(.syntax(offset: offset, expected: "a value")) }
                if leafDepth == 0 { leafDepth = 1 }
                guard depth == leafDepth else { throw nestedWrongly(depth) }
                held[depth - 1] += try values(&index, &sink)
            }
            // Closes what ends here, and goes on behind the comma after it.
            while depth > 0 {
                let byte = try nextByte()
                if byte == UInt8(ascii: ",") {
                    offset += 1
                    break
                }
                guard byte == UInt8(ascii: "]") else {
                    throw .malformed(.syntax(offset: offset, expected: "a comma or the end of the array"))
                }
                offset += 1
                depth -= 1
                let isFlat = depth == 0 && leafDepth <= 1
                let wanted = isFlat ? count : shape[depth]
                guard held[depth] == wanted else { throw wrongCount(held[depth], depth: depth, isFlat: isFlat) }
            }
        } while depth > 0
    }

    /// Reads values up to the first byte that is no comma; returns how many.
    @inline(__always)
    private mutating func values<Sink: TensorElementSink>(
        _ index: inout Int,
        _ sink: inout Sink
    ) throws(OpenInferenceError) -> Int {
        let first = index
        var scanner = TensorNumberScanner(bytes, at: offset)
        while true {
            do throws(TensorElementProblem) {
                try sink.read(&scanner, index: index, isWanted: index < kept)
            } catch {
                offset = scanner.offset
                throw explain(error, index: index, sink.elementType)
            }
            index += 1
            scanner.skipWhiteSpace()
            // Another value; brackets are the caller's.
            guard scanner.peek() == UInt8(ascii: ",") else { break }
            let comma = scanner.offset
            scanner.offset += 1
            scanner.skipWhiteSpace()
            if scanner.peek() == UInt8(ascii: "[") {
                scanner.offset = comma
                break
            }
        }
        offset = scanner.offset
        return index - first
    }

    @inline(__always)
    private mutating func nextByte() throws(OpenInferenceError) -> UInt8 {
        var scanner = TensorNumberScanner(bytes, at: offset)
        scanner.skipWhiteSpace()
        offset = scanner.offset
        guard offset < bytes.count else { throw .malformed(.truncated(offset: offset)) }
        return bytes[offset]
    }

    // MARK: - Errors

    private func wrongCount(_ held: Int, depth: Int, isFlat: Bool) -> OpenInferenceError {
        let problem =
            isFlat
            ? "\(held) \(held == 1 ? "value" : "values") for shape \(shape)"
            : "an array of \(held) in dimension \(depth) of shape \(shape), at byte \(offset - 1)"
        return .wrongData(input: input, problem: problem)
    }

    private func nestedWrongly(_ depth: Int) -> OpenInferenceError {
        .wrongData(
            input: input,
            problem: "at byte \(offset) \"data\" is nested \(depth) deep, neither flat nor as shape \(shape) is"
        )
    }

    private func explain(
        _ problem: TensorElementProblem,
        index: Int,
        _ elementType: ElementType
    ) -> OpenInferenceError {
        guard offset < bytes.count else { return .malformed(.truncated(offset: bytes.count)) }
        switch problem {
        case .malformed(let error): return .malformed(error)
        case .other where [UInt8(ascii: "]"), UInt8(ascii: ","), UInt8(ascii: "}")].contains(bytes[offset]):
            return .malformed(.syntax(offset: offset, expected: "a value"))
        case .other:
            let wanted =
                switch elementType {
                case .bool: "true or false"
                case .bytes: "a string"
                case .float32, .float64: "a number (JSON has no NaN and no infinity, binary data has)"
                default: "an integer"
                }
            return .wrongData(input: input, problem: "value \(index) is not \(wanted)")
        case .outOfRange:
            return .wrongData(input: input, problem: "value \(index) is out of range for \(elementType.name)")
        }
    }
}

// MARK: - Sinks

/// Takes the values of an array one by one, in order.
private protocol TensorElementSink {
    var elementType: ElementType { get }
    /// Reads the value where `scanner` stands; where it is not wanted it is over the count, and only checked.
    mutating func read(
        _ scanner: inout TensorNumberScanner,
        index: Int,
        isWanted: Bool
    ) throws(TensorElementProblem)
}

private struct NumberSink<Element: TensorElement>: TensorElementSink {
    private let elements: UnsafeMutablePointer<Element>?
    let elementType: ElementType

    init(_ memory: UnsafeMutableRawBufferPointer, _ elementType: ElementType) {
        elements = memory.baseAddress?.bindMemory(to: Element.self, capacity: memory.count)
        self.elementType = elementType
    }

    @inline(__always)
    func read(
        _ scanner: inout TensorNumberScanner,
        index: Int,
        isWanted: Bool
    ) throws(TensorElementProblem) {
        let element = try Element.read(&scanner)
        if isWanted { elements?[index] = element }
    }
}

private struct StringSink: TensorElementSink {
    var bytes: [UInt8] = []
    var offsets: [Int] = [0]
    let elementType = ElementType.bytes

    init(count: Int) { offsets.reserveCapacity(count + 1) }

    mutating func read(
        _ scanner: inout TensorNumberScanner,
        index: Int,
        isWanted: Bool
    ) throws(TensorElementProblem) {
        guard scanner.peek() == UInt8(ascii: "\"") else { throw .other }
        var reader = JSONReader(scanner.bytes, at: scanner.offset)
        do throws(JSONError) {
            let span = try reader.string()
            scanner.offset = reader.offset
            guard isWanted else { return }
            if span.hasEscapes {
                bytes.append(contentsOf: reader.text(at: span).utf8)
            } else {
                bytes.append(contentsOf: scanner.bytes[span.start..<span.end])
            }
            offsets.append(bytes.count)
        } catch { throw .malformed(error) }
    }
}
