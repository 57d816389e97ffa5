/// Writes the wire format of Protocol Buffers (protobuf.dev, "Encoding"): fields in the order they are given.
///
/// As proto3 has it, a field with its type's zero is left out, but where its presence says something (`oneof` and
/// `optional`): those have the calls with `always`.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    /// A base-128 varint: seven bits a byte, lowest first.
    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func tag(_ field: UInt32, _ type: UInt32) { varint(UInt64(field << 3 | type)) }

    private mutating func littleEndian(_ value: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    /// uint32, uint64, int32, int64, bool and enumerations; negative numbers as their two's complement in 64 bits.
    mutating func integer(_ field: UInt32, _ value: Int64, always: Bool = false) {
        guard value != 0 || always else { return }
        tag(field, 0)
        varint(UInt64(bitPattern: value))
    }

    /// sint32: zigzag, so that small negative numbers are short.
    mutating func signed(_ field: UInt32, _ value: Int32) {
        guard value != 0 else { return }
        tag(field, 0)
        varint(UInt64(UInt32(bitPattern: (value << 1) ^ (value >> 31))))
    }

    /// fixed64 and sfixed64.
    mutating func fixed(_ field: UInt32, _ value: UInt64, always: Bool = false) {
        guard value != 0 || always else { return }
        tag(field, 1)
        littleEndian(value)
    }

    /// A minus zero is no zero here: its bits are not.
    mutating func double(_ field: UInt32, _ value: Double, always: Bool = false) {
        fixed(field, value.bitPattern, always: always)
    }

    mutating func data(_ field: UInt32, _ value: some Collection<UInt8>, always: Bool = false) {
        guard !value.isEmpty || always else { return }
        tag(field, 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func text(_ field: UInt32, _ value: String, always: Bool = false) {
        data(field, Array(value.utf8), always: always)
    }

    /// A message inside this one, written even where it is empty.
    mutating func message(_ field: UInt32, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        data(field, inner.bytes, always: true)
    }

    /// Packed fixed64.
    mutating func packedFixed(_ field: UInt32, _ values: [UInt64]) {
        guard !values.isEmpty else { return }
        tag(field, 2)
        varint(UInt64(values.count * 8))
        for value in values { littleEndian(value) }
    }

    /// Packed uint64 as varints.
    mutating func packedVarints(_ field: UInt32, _ values: [UInt64]) {
        var inner = ProtobufWriter()
        for value in values { inner.varint(value) }
        data(field, inner.bytes)
    }
}
