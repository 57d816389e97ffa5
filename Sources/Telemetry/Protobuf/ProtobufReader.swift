/// Reads the wire format of Protocol Buffers (protobuf.dev, "Encoding") from bytes that anybody may have sent.
///
/// It hands out one field after the other. What to do with a number it doesn't know, or a known number of another wire
/// type, is the caller's: the specification has both skipped.
struct ProtobufReader {
    /// A field's content by its wire type.
    enum Content {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// Text, bytes, packed numbers or a message.
        case data(ProtobufReader)
    }

    private let bytes: [UInt8]
    private var offset: Int
    private let end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        offset = 0
        end = bytes.count
    }

    private init(_ bytes: [UInt8], from start: Int, to end: Int) {
        self.bytes = bytes
        offset = start
        self.end = end
    }

    /// Bytes not yet read.
    var count: Int { end - offset }

    var isAtEnd: Bool { offset == end }

    /// All that is left.
    var rest: ArraySlice<UInt8> { bytes[offset..<end] }

    /// The next field; nil at the end. Groups (wire types 3 and 4), which proto3 doesn't have, are refused.
    mutating func next() throws(OTLPError) -> (field: UInt64, content: Content)? {
        guard offset < end else { return nil }
        let start = offset
        let tag = try varint()
        let field = tag >> 3
        guard (1...0x1fff_ffff).contains(field) else {
            throw .malformed(offset: start, problem: "a field has the number \(field)")
        }
        switch tag & 7 {
        case 0: return (field, .varint(try varint()))
        case 1: return (field, .fixed64(try fixed64()))
        case 2:
            let length = try varint()
            guard length <= UInt64(count) else {
                throw .malformed(offset: start, problem: "a field of \(length) bytes goes beyond the message's end")
            }
            let start = offset
            offset += Int(length)
            return (field, .data(ProtobufReader(bytes, from: start, to: offset)))
        case 5: return (field, .fixed32(try fixed32()))
        default: throw .malformed(offset: start, problem: "a field has the wire type \(tag & 7)")
        }
    }

    /// A base-128 varint of at most 64 bits.
    mutating func varint() throws(OTLPError) -> UInt64 {
        let start = offset
        var value: UInt64 = 0
        for shift in stride(from: 0, through: 63, by: 7) {
            guard offset < end else { throw .malformed(offset: start, problem: "the message ends inside a number") }
            let byte = bytes[offset]
            offset += 1
            if shift == 63, byte > 1 { break }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw .malformed(offset: start, problem: "a number has more than 64 bits")
    }

    mutating func fixed64() throws(OTLPError) -> UInt64 { try littleEndian(8) }

    mutating func fixed32() throws(OTLPError) -> UInt32 { UInt32(try littleEndian(4)) }

    private mutating func littleEndian(_ length: Int) throws(OTLPError) -> UInt64 {
        guard count >= length else { throw .malformed(offset: offset, problem: "the message ends inside a number") }
        var value: UInt64 = 0
        for index in 0..<length { value |= UInt64(bytes[offset + index]) << (8 * index) }
        offset += length
        return value
    }

    /// What is left as text. Throws where it is not UTF-8 (proto3 requires it) or longer than `limit` bytes.
    func text(limit: Int) throws(OTLPError) -> String {
        guard count <= limit else { throw .overLimit("a text of \(count) bytes", limit: limit) }
        guard let text = String(validating: rest, as: UTF8.self) else {
            throw .malformed(offset: offset, problem: "a text is not UTF-8")
        }
        return text
    }
}
