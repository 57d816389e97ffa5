import JSON

/// A value of a tensor as it lies in memory, and how it reads from JSON.
protocol TensorElement: BitwiseCopyable {
    static func read(_ scanner: inout TensorNumberScanner) throws(TensorElementProblem) -> Self
}

extension FixedWidthInteger where Self: TensorElement {
    @inline(__always)
    static func read(_ scanner: inout TensorNumberScanner) throws(TensorElementProblem) -> Self {
        try scanner.readInteger()
    }
}

extension UInt8: TensorElement {}
extension UInt16: TensorElement {}
extension UInt32: TensorElement {}
extension UInt64: TensorElement {}
extension Int8: TensorElement {}
extension Int16: TensorElement {}
extension Int32: TensorElement {}
extension Int64: TensorElement {}

/// BOOL: one byte, 0 or 1.
struct JSONBoolean: TensorElement {
    let byte: UInt8

    static func read(_ scanner: inout TensorNumberScanner) throws(TensorElementProblem) -> JSONBoolean {
        if scanner.take("true") { return JSONBoolean(byte: 1) }
        if scanner.take("false") { return JSONBoolean(byte: 0) }
        throw .other
    }
}

// Numbers become the nearest float, ties to even, as IEEE 754 asks. Nearly all take one of the short ways below; what
// they can't decide goes through the standard library.

/// 10^0 ... 10^22: the powers of ten that a Double holds exactly.
private let powersOfTen: InlineArray<23, Double> = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
]

/// 10^-22 ... 10^22, those below 1 rounded.
private let nearPowersOfTen: InlineArray<45, Double> = [
    1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6,
    1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

extension Float: TensorElement {
    @inline(__always)
    static func read(_ scanner: inout TensorNumberScanner) throws(TensorElementProblem) -> Float {
        let decimal = try scanner.readDecimal()
        if let estimate = decimal.estimate, estimate >= 0x1p-126, estimate <= 0x1.fffffep127 {
            // Rounding twice, to Double and then to Float, errs only near the middle between two floats, and the 29
            // bits that Float drops tell how far away that is.
            let dropped = Int(truncatingIfNeeded: estimate.bitPattern & 0x1FFF_FFFF)
            if abs(dropped - 0x1000_0000) > 8 {
                let value = Float(estimate)
                return decimal.isNegative ? -value : value
            }
        }
        if decimal.mantissa == 0, decimal.isExact { return decimal.isNegative ? -0.0 : 0.0 }
        guard let value = Float(scanner.literal(from: decimal.start)), value.isFinite else { throw .outOfRange }
        return value
    }
}

extension TensorNumberScanner.Decimal {
    /// The magnitude as a Double, at most 3 units in the last place off: the number, the power and their product are each
    /// rounded once. Nil where that takes more steps.
    @inline(__always)
    fileprivate var estimate: Double? {
        // A signed integer is converted by one instruction, an unsigned one by five.
        guard isExact, exponent >= -22, exponent <= 22, let number = Int64(exactly: mantissa) else { return nil }
        return Double(number) * nearPowersOfTen[exponent + 22]
    }
}

extension Double: TensorElement {
    @inline(__always)
    static func read(_ scanner: inout TensorNumberScanner) throws(TensorElementProblem) -> Double {
        let decimal = try scanner.readDecimal()
        if let value = decimal.roundedOnce ?? decimal.roundedByIntegers {
            return decimal.isNegative ? -value : value
        }
        guard let value = Double(scanner.literal(from: decimal.start)), value.isFinite else { throw .outOfRange }
        return value
    }
}

extension TensorNumberScanner.Decimal {
    /// The magnitude rounded correctly, where number and power are exact, so that their one operation rounds as it
    /// should (W. D. Clinger, "How to Read Floating Point Numbers Accurately", 1990). Nil outside.
    @inline(__always)
    fileprivate var roundedOnce: Double? {
        guard isExact, mantissa <= 1 << 53, exponent >= -22, exponent <= 22 else { return nil }
        let number = Double(Int64(bitPattern: mantissa))
        return exponent < 0 ? number / powersOfTen[-exponent] : number * powersOfTen[exponent]
    }
}

extension TensorNumberScanner {
    fileprivate func literal(from start: Int) -> String {
        String(decoding: UnsafeRawBufferPointer(rebasing: bytes[start..<offset]), as: UTF8.self)
    }
}

/// 5^0 ... 5^27: the powers of five that fit 64 bits.
private let powersOfFive: InlineArray<28, UInt64> = {
    var powers = InlineArray<28, UInt64>(repeating: 1)
    for index in 1..<28 { powers[index] = powers[index - 1] * 5 }
    return powers
}()

extension TensorNumberScanner.Decimal {
    /// The magnitude rounded correctly, by integers alone: up to 19 digits and powers from -27 to 27, where the exact
    /// value is a product or a quotient of 64-bit numbers, scaled by a power of two. Nil outside.
    fileprivate var roundedByIntegers: Double? {
        guard isExact, mantissa != 0, exponent >= -27, exponent <= 27 else { return nil }
        if exponent >= 0 {
            let product = mantissa.multipliedFullWidth(by: powersOfFive[exponent])
            let shift = product.high == 0 ? 64 : product.high.leadingZeroBitCount
            // The highest 64 bits, left-aligned; what is below them only breaks ties.
            let top: UInt64
            let rest: UInt64
            switch shift {
            case 64: (top, rest) = (product.low << product.low.leadingZeroBitCount, 0)
            case 0: (top, rest) = (product.high, product.low)
            default: (top, rest) = (product.high << shift | product.low >> (64 - shift), product.low << shift)
            }
            let power = shift == 64 ? exponent - product.low.leadingZeroBitCount : exponent + 64 - shift
            return Self.round(top, isInexact: rest != 0, power: power)
        }
        let five = powersOfFive[-exponent]
        let (up, down) = (mantissa.leadingZeroBitCount, five.leadingZeroBitCount)
        // Dividend and divisor left-aligned; halving the dividend keeps the quotient within 64 bits.
        let dividend = mantissa << up
        let (quotient, remainder) = (five << down).dividingFullWidth((dividend >> 1, dividend << 63))
        let shift = quotient.leadingZeroBitCount
        let power = exponent - up + down - 63 - shift
        return Self.round(quotient << shift, isInexact: remainder != 0, power: power)
    }

    /// `bits` x 2^`power` as a Double, ties to even; the highest bit is set, and `isInexact` says that the true value is
    /// a little larger. The result must be in the range of normal numbers.
    private static func round(_ bits: UInt64, isInexact: Bool, power: Int) -> Double {
        let dropped = bits & 0x7FF
        var significand = bits >> 11
        if dropped > 0x400 || (dropped == 0x400 && (isInexact || significand & 1 == 1)) { significand += 1 }
        // Up to 2^53, so exact; and so is scaling by a power of two within the range.
        return Double(sign: .plus, exponent: power + 11, significand: Double(significand))
    }
}
