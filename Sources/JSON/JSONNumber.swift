/// A JSON number as it was written: nothing is lost between reading and writing it again.
package struct JSONNumber: Hashable, Sendable {
    /// The literal, in JSON's grammar.
    package let text: String

    /// A literal whose grammar was checked by the reader.
    init(checked text: String) { self.text = text }

    package init(_ value: some BinaryInteger) { text = String(value) }

    /// Throws `notRepresentable` for NaN and infinities, which JSON can't write.
    package init(_ value: Double) throws(JSONError) { text = try canonicalNumber(value) }

    /// The value where the literal is an integer (no fraction, no exponent) within Int64.
    package var integer: Int64? { Int64(text) }

    /// The nearest double; infinite where the literal is beyond its range.
    package var double: Double { Double(text) ?? .nan }
}

/// The form of ECMAScript's Number::toString, which RFC 8785 section 3.2.2.3 prescribes.
func canonicalNumber(_ value: Double) throws(JSONError) -> String {
    guard value.isFinite else { throw .notRepresentable("\(value)") }
    guard value != 0 else { return "0" }
    // Swift prints the shortest digits that read back as the same double; only their arrangement differs.
    var digits: [UInt8] = []
    var point: Int?
    var exponent = 0
    let printed = Array(value.magnitude.description.utf8)
    for (index, byte) in printed.enumerated() {
        switch byte {
        case UInt8(ascii: "."): point = digits.count
        case UInt8(ascii: "e"):
            exponent = Int(String(decoding: printed[(index + 1)...], as: UTF8.self)) ?? 0
        default:
            guard !printed[..<index].contains(UInt8(ascii: "e")) else { continue }
            digits.append(byte)
        }
    }
    var position = (point ?? digits.count) + exponent
    let leadingZeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leadingZeros)
    position -= leadingZeros
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }

    let sign = value < 0 ? "-" : ""
    return sign + arrange(digits.map { Character(Unicode.Scalar($0)) }, position: position)
}

/// Digits `d1 d2 … dk` of the value 0.d1d2…dk × 10^position.
private func arrange(_ digits: [Character], position: Int) -> String {
    let count = digits.count
    switch position {
    case count...21 where position >= count: return String(digits) + String(repeating: "0", count: position - count)
    case 1...21: return String(digits[..<position]) + "." + String(digits[position...])
    case -5...0: return "0." + String(repeating: "0", count: -position) + String(digits)
    default:
        let power = position - 1
        let mantissa = count == 1 ? String(digits) : String(digits[0]) + "." + String(digits[1...])
        return mantissa + (power < 0 ? "e-" : "e+") + String(power.magnitude)
    }
}
