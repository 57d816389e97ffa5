/// Reads one protobuf message field by field, skipping over what it is not asked for, so that gigabytes of tensor data
/// are never touched (protobuf.dev/programming-guides/encoding).
///
/// Offsets count from the start of the file. The bytes must outlive the reader.
struct ModelProtobufReader {
    /// A field's value.
    enum Value {
        /// A varint.
        case integer(UInt64)
        /// The place of a string, of bytes, of packed numbers or of a message.
        case bytes(Range<Int>)
        /// Four or eight bytes, of which nothing here needs the value.
        case fixed
    }

    struct Field {
        let number: Int
        /// Where the field begins.
        let offset: Int
        let value: Value
    }

    private let bytes: UnsafeRawBufferPointer
    private let path: String
    private var offset: Int
    private let end: Int

    /// Reads the message at `range`; all of the file where there is none.
    init(_ bytes: UnsafeRawBufferPointer, path: String, range: Range<Int>? = nil) {
        self.bytes = bytes
        self.path = path
        offset = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    /// The next field, or nil at the end of the message.
    mutating func next() throws(ModelError) -> Field? {
        guard offset < end else { return nil }
        let start = offset
        let tag = try varint()
        guard let number = Int(exactly: tag >> 3), (1...0x1FFF_FFFF).contains(number) else {
            throw malformed("no field has this number", at: start)
        }
        switch tag & 7 {
        case 0: return Field(number: number, offset: start, value: .integer(try varint()))
        case 1: return Field(number: number, offset: start, value: try fixed(8))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - offset) else {
                throw malformed("a field is longer than what holds it", at: start)
            }
            let range = offset..<offset + Int(length)
            offset = range.upperBound
            return Field(number: number, offset: start, value: .bytes(range))
        case 5: return Field(number: number, offset: start, value: try fixed(4))
        default: throw malformed("a field has no known wire type", at: start)
        }
    }

    private mutating func fixed(_ count: Int) throws(ModelError) -> Value {
        guard end - offset >= count else { throw malformed("the data ends inside a number", at: offset) }
        offset += count
        return .fixed
    }

    private mutating func varint() throws(ModelError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard offset < end else { throw malformed("the data ends inside a number", at: start) }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                guard shift < 63 || byte < 2 else { break }
                return value
            }
        }
        throw malformed("a number has more than 64 bits", at: start)
    }

    func malformed(_ problem: String, at offset: Int) -> ModelError {
        .malformed(path: path, format: "ONNX", offset: offset, problem: problem)
    }
}
