/// CRC-32C, the Castagnoli polynomial (RFC 3720 section 12.1): finds damage, not forgery.
enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
    }

    /// The checksum of `bytes`, or of what `earlier` is the checksum of and then `bytes`.
    static func checksum(_ bytes: ArraySlice<UInt8>, after earlier: UInt32 = 0) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            bytes.withUnsafeBufferPointer { bytes in
                var value = ~earlier
                for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
                return ~value
            }
        }
    }
}
