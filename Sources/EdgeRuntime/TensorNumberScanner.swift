import JSON

/// What is wrong with one value of a tensor.
enum TensorElementProblem: Error {
    /// The bytes are not JSON.
    case malformed(JSONError)
    /// A value of another kind than the datatype's.
    case other
    /// A number that the datatype can't hold.
    case outOfRange
}

/// Reads JSON's numbers and literals from bytes, without allocating.
///
/// It checks RFC 8259's grammar of numbers: no plus sign, no leading zero, digits on both sides of the point.
struct TensorNumberScanner {
    let bytes: UnsafeRawBufferPointer
    /// Where the next byte is read; after a failure, where it went wrong.
    var offset: Int

    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The next byte, or 0 at the end, which JSON has nowhere outside strings.
    @inline(__always)
    func peek() -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

    @inline(__always)
    mutating func skipWhiteSpace() {
        while offset < bytes.count {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            offset += 1
        }
    }

    /// Consumes `word` if it comes next.
    mutating func take(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard bytes.count - offset >= count else { return false }
        for index in 0..<count where bytes[offset + index] != word.utf8Start[index] { return false }
        offset += count
        return true
    }

    /// An integer without fraction and exponent, or nil where there is none or it doesn't fit.
    @inline(__always)
    mutating func integer<Integer: FixedWidthInteger>() -> Integer? {
        do throws(TensorElementProblem) { return try readInteger() } catch { return nil }
    }

    /// An integer without fraction and exponent. Never goes through a float, so all 64 bits survive.
    @inline(__always)
    mutating func readInteger<Integer: FixedWidthInteger>() throws(TensorElementProblem) -> Integer {
        let isNegative = peek() == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let start = offset
        var magnitude: UInt64 = 0
        var overflows = false
        while true {
            let digit = peek() &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            let (tenfold, overflowTimes) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflowPlus) = tenfold.addingReportingOverflow(UInt64(digit))
            overflows = overflows || overflowTimes || overflowPlus
            magnitude = sum
            offset += 1
        }
        try checkInteger(start)
        switch peek() {
        case UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"): throw .other
        default: break
        }
        guard !overflows else { throw .outOfRange }
        if !isNegative {
            guard let value = Integer(exactly: magnitude) else { throw .outOfRange }
            return value
        }
        // Negating in two's complement, so that the least value needs no wider type.
        guard magnitude <= 1 << 63 else { throw .outOfRange }
        guard let value = Integer(exactly: Int64(truncatingIfNeeded: 0 &- magnitude)) else { throw .outOfRange }
        return value
    }

    /// A number as written: the value is `mantissa` x 10^`exponent`, exact unless `isExact` is false.
    struct Decimal {
        var isNegative: Bool
        var mantissa: UInt64
        var exponent: Int
        /// False for more than 19 significant digits, which the mantissa can't hold.
        var isExact: Bool
        /// Where the literal starts; it ends at the scanner's offset.
        var start: Int
    }

    @inline(__always)
    mutating func readDecimal() throws(TensorElementProblem) -> Decimal {
        let start = offset
        let isNegative = peek() == UInt8(ascii: "-")
        let integerStart = isNegative ? start + 1 : start
        var mantissa: UInt64 = 0
        offset = takeDigits(from: integerStart, into: &mantissa)
        try checkInteger(integerStart)
        var digits = offset - integerStart
        var exponent = 0
        if peek() == UInt8(ascii: ".") {
            let fraction = offset + 1
            offset = takeDigits(from: fraction, into: &mantissa)
            guard offset > fraction else { throw .malformed(.syntax(offset: offset, expected: "a digit")) }
            exponent = fraction - offset
            digits -= exponent
        }
        let end = offset
        if peek() | 0x20 == UInt8(ascii: "e") { exponent += try readExponent() }
        var isExact = true
        if digits > 19 { isExact = digits - leadingZeros(integerStart, end) <= 19 }
        return Decimal(
            isNegative: isNegative,
            mantissa: mantissa,
            exponent: exponent,
            isExact: isExact,
            start: start
        )
    }

    /// Returns where the digits end. They may be too many for the mantissa, which then wraps; the caller counts them.
    @inline(__always)
    private func takeDigits(from start: Int, into mantissa: inout UInt64) -> Int {
        var at = start
        var value = mantissa
        while at < bytes.count {
            let digit = bytes[at] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ UInt64(digit)
            at &+= 1
        }
        mantissa = value
        return at
    }

    @inline(__always)
    private func checkInteger(_ start: Int) throws(TensorElementProblem) {
        guard offset > start else {
            throw offset == bytes.count ? .malformed(.truncated(offset: offset)) : .other
        }
        if bytes[start] == UInt8(ascii: "0"), offset > start + 1 {
            throw .malformed(.syntax(offset: start, expected: "no leading zero"))
        }
    }

    private mutating func readExponent() throws(TensorElementProblem) -> Int {
        offset += 1
        let sign = peek()
        if sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") { offset += 1 }
        let start = offset
        var exponent = 0
        while offset < bytes.count {
            let digit = bytes[offset] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            // Far beyond every float, and as far from overflowing.
            exponent = min(exponent * 10 + Int(digit), 1_000_000)
            offset += 1
        }
        guard offset > start else {
            throw .malformed(.syntax(offset: offset, expected: "a digit in the exponent"))
        }
        return sign == UInt8(ascii: "-") ? -exponent : exponent
    }

    private func leadingZeros(_ start: Int, _ end: Int) -> Int {
        var zeros = 0
        for index in start..<end {
            if bytes[index] == UInt8(ascii: "0") { zeros += 1 } else if bytes[index] != UInt8(ascii: ".") { break }
        }
        return zeros
    }
}
