extension OpenInferenceBuffer {
    /// Appends a JSON string; `text` must be UTF-8.
    mutating func appendJSONString(_ text: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "\""))
        var start = 0
        for (index, byte) in text.enumerated() {
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            append(UnsafeRawBufferPointer(rebasing: text[start..<index]))
            appendEscape(byte)
            start = index + 1
        }
        append(UnsafeRawBufferPointer(rebasing: text[start...]))
        append(UInt8(ascii: "\""))
    }

    /// Appends a JSON string.
    mutating func appendJSONString(_ text: String) {
        var text = text
        text.withUTF8 { appendJSONString(UnsafeRawBufferPointer($0)) }
    }

    private mutating func appendEscape(_ byte: UInt8) {
        append(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
        case 0x0A: append(UInt8(ascii: "n"))
        case 0x0D: append(UInt8(ascii: "r"))
        case 0x09: append(UInt8(ascii: "t"))
        default:
            append("u00")
            append(byte < 0x10 ? UInt8(ascii: "0") : UInt8(ascii: "1"))
            let low = byte & 0xF
            append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
        }
    }

    /// Appends an integer in decimal.
    @inline(__always)
    mutating func append<Integer: FixedWidthInteger>(integer: Integer) {
        append(upTo: 20) { bytes in
            var count = 0
            if integer < 0 {
                bytes[0] = UInt8(ascii: "-")
                count = 1
            }
            var rest = UInt64(integer.magnitude)
            // How many digits first, so that they can be written from the end.
            var digits = 1
            var bound: UInt64 = 10
            while digits < 20, rest >= bound {
                digits += 1
                let (next, overflow) = bound.multipliedReportingOverflow(by: 10)
                if overflow { break }
                bound = next
            }
            count += digits
            for index in 1...digits {
                let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
                bytes[count - index] = UInt8(ascii: "0") + UInt8(digit)
                rest = quotient
            }
            return count
        }
    }

    /// Appends a shape: `[1,64]`.
    mutating func append(shape: [Int]) {
        append(UInt8(ascii: "["))
        for (index, size) in shape.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(integer: size)
        }
        append(UInt8(ascii: "]"))
    }
}
