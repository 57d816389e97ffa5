/// A pull reader over JSON bytes that allocates nothing: the base of `JSONValue.parse`, and of hot paths that read
/// numbers straight into a tensor.
///
/// The caller says what it expects (`enterObject`, `nextMember`, `number`, …) and the reader checks the grammar as it
/// goes. It does not see duplicate member names: a caller for whom they matter must. The bytes must outlive the reader.
package struct JSONReader {
    /// What comes next.
    package enum Kind: Equatable, Sendable {
        case object, array, string, number, boolean, null
    }

    /// The place of a string (without its quotes) or number in the bytes.
    package struct Span: Equatable, Sendable {
        package let start: Int
        package let end: Int
        /// True for a string that holds escapes, so that its bytes are not its text.
        package let hasEscapes: Bool

        package var count: Int { end - start }
    }

    /// The document.
    package let bytes: UnsafeRawBufferPointer
    /// Where the next byte is read.
    package private(set) var offset = 0
    private var depth = 0
    private let depthLimit: Int
    private var takesControlCharacters = false
    /// One bit per open level: set once the level has had a first element.
    private var started: UInt64 = 0

    /// Throws `tooLarge` where the document is over `limits.bytes`.
    package init(_ bytes: UnsafeRawBufferPointer, limits: JSONLimits) throws(JSONError) {
        guard bytes.count <= limits.bytes else { throw .tooLarge(bytes: bytes.count, limit: limits.bytes) }
        self.bytes = bytes
        depthLimit = limits.depth
    }

    /// A reader of one value inside a document already checked, for spans set aside by `skip()`.
    package init(_ bytes: UnsafeRawBufferPointer, at offset: Int, depthLimit: Int = 64) {
        self.bytes = bytes
        self.offset = offset
        self.depthLimit = min(depthLimit, 64)
    }

    /// A reader of one value inside canonical text, where strings hold control characters as they are.
    init(canonical bytes: UnsafeRawBufferPointer, at offset: Int) {
        self.init(bytes, at: offset)
        takesControlCharacters = true
    }

    /// The kind of the next value; consumes white space only.
    package mutating func peek() throws(JSONError) -> Kind {
        switch try skipWhiteSpace() {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        default: throw .syntax(offset: offset, expected: "a value")
        }
    }

    /// Consumes `{`.
    package mutating func enterObject() throws(JSONError) { try enter(UInt8(ascii: "{"), "an object") }

    /// Consumes `[`.
    package mutating func enterArray() throws(JSONError) { try enter(UInt8(ascii: "["), "an array") }

    /// The next member's name, with its colon consumed, or nil when the object has ended and its `}` is consumed.
    package mutating func nextMember() throws(JSONError) -> Span? {
        guard try next(closing: UInt8(ascii: "}")) else { return nil }
        let name = try string()
        guard try skipWhiteSpace() == UInt8(ascii: ":") else { throw .syntax(offset: offset, expected: "a colon") }
        offset += 1
        return name
    }

    /// True when another element follows, false when the array has ended and its `]` is consumed.
    package mutating func nextElement() throws(JSONError) -> Bool { try next(closing: UInt8(ascii: "]")) }

    /// Consumes a string and returns where its text stands.
    package mutating func string() throws(JSONError) -> Span {
        guard try skipWhiteSpace() == UInt8(ascii: "\"") else { throw .syntax(offset: offset, expected: "a string") }
        let start = offset + 1
        var at = start
        var hasEscapes = false
        var seen: UInt8 = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") {
                if seen >= 0x80 { try checkText(start, at) }
                offset = at + 1
                return Span(start: start, end: at, hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                at = try checkEscape(at)
                continue
            }
            guard byte >= 0x20 || takesControlCharacters else {
                throw .syntax(offset: at, expected: "no control character in a string")
            }
            seen |= byte
            at += 1
        }
        throw .truncated(offset: bytes.count)
    }

    /// Consumes a number and returns where it stands; its form is checked, its value is the caller's to take.
    package mutating func number() throws(JSONError) -> Span {
        _ = try skipWhiteSpace()
        let start = offset
        var at = start
        if at < bytes.count, bytes[at] == UInt8(ascii: "-") { at += 1 }
        let integer = at
        at = skipDigits(at)
        guard at > integer else { throw .syntax(offset: at, expected: "a digit") }
        if bytes[integer] == UInt8(ascii: "0"), at > integer + 1 {
            throw .syntax(offset: integer, expected: "no leading zero")
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            let fraction = at + 1
            at = skipDigits(fraction)
            guard at > fraction else { throw .syntax(offset: at, expected: "a digit after the point") }
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            let exponent = at
            at = skipDigits(exponent)
            guard at > exponent else { throw .syntax(offset: at, expected: "a digit in the exponent") }
        }
        offset = at
        return Span(start: start, end: at, hasEscapes: false)
    }

    /// Consumes `true` or `false`.
    package mutating func boolean() throws(JSONError) -> Bool {
        let isTrue = try skipWhiteSpace() == UInt8(ascii: "t")
        try word(isTrue ? "true" : "false")
        return isTrue
    }

    /// Consumes `null`.
    package mutating func null() throws(JSONError) {
        _ = try skipWhiteSpace()
        try word("null")
    }

    /// Consumes one value of any kind, checking its grammar.
    package mutating func skip() throws(JSONError) {
        let outside = depth
        repeat {
            if depth > outside {
                let inObject = containers & (1 << UInt64(depth - 1)) != 0
                if inObject {
                    guard try nextMember() != nil else { continue }
                } else {
                    guard try nextElement() else { continue }
                }
            }
            switch try peek() {
            case .object: try enterObject()
            case .array: try enterArray()
            case .string: _ = try string()
            case .number: _ = try number()
            case .boolean: _ = try boolean()
            case .null: try null()
            }
        } while depth > outside
    }

    /// Goes on at `offset`, behind a value that the caller has read and checked itself where the reader stood.
    package mutating func advance(to offset: Int) {
        precondition(offset >= self.offset && offset <= bytes.count, "not ahead of the reader")
        self.offset = offset
    }

    /// Consumes one value of any kind, as a tree of at most 100,000 values.
    package mutating func value() throws(JSONError) -> JSONValue { try JSONValue(&self, limit: 100_000) }

    /// Refuses anything but white space after the document's value.
    package mutating func end() throws(JSONError) {
        while offset < bytes.count {
            guard isWhiteSpace(bytes[offset]) else { throw .syntax(offset: offset, expected: "the end of the text") }
            offset += 1
        }
    }

    /// One bit per open level: set for an object, clear for an array.
    private var containers: UInt64 = 0

    private mutating func enter(_ opening: UInt8, _ name: String) throws(JSONError) {
        guard try skipWhiteSpace() == opening else { throw .syntax(offset: offset, expected: name) }
        guard depth < depthLimit else { throw .tooDeep(limit: depthLimit, offset: offset) }
        offset += 1
        let bit: UInt64 = 1 << UInt64(depth)
        started &= ~bit
        if opening == UInt8(ascii: "{") { containers |= bit } else { containers &= ~bit }
        depth += 1
    }

    private mutating func next(closing: UInt8) throws(JSONError) -> Bool {
        guard depth > 0 else { throw .syntax(offset: offset, expected: "an open array or object") }
        let bit: UInt64 = 1 << UInt64(depth - 1)
        let byte = try skipWhiteSpace()
        if byte == closing {
            offset += 1
            depth -= 1
            return false
        }
        if started & bit == 0 {
            started |= bit
            return true
        }
        guard byte == UInt8(ascii: ",") else { throw .syntax(offset: offset, expected: "a comma or the end") }
        offset += 1
        guard try skipWhiteSpace() != closing else {
            throw .syntax(offset: offset, expected: "a value after the comma")
        }
        return true
    }

    @inline(__always)
    private func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    @inline(__always)
    private mutating func skipWhiteSpace() throws(JSONError) -> UInt8 {
        while offset < bytes.count {
            let byte = bytes[offset]
            if !isWhiteSpace(byte) { return byte }
            offset += 1
        }
        throw .truncated(offset: bytes.count)
    }

    @inline(__always)
    private func skipDigits(_ start: Int) -> Int {
        var at = start
        while at < bytes.count, bytes[at] &- UInt8(ascii: "0") < 10 { at += 1 }
        return at
    }

    private mutating func word(_ word: StaticString) throws(JSONError) {
        let count = word.utf8CodeUnitCount
        for index in 0..<count {
            guard offset + index < bytes.count else { throw .truncated(offset: bytes.count) }
            guard bytes[offset + index] == word.utf8Start[index] else {
                throw .syntax(offset: offset, expected: "\(word)")
            }
        }
        offset += count
    }

    /// Checks the escape at `start` (a backslash) and returns where the text goes on.
    private func checkEscape(_ start: Int) throws(JSONError) -> Int {
        guard start + 1 < bytes.count else { throw .truncated(offset: bytes.count) }
        switch bytes[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"):
            let unit = try codeUnit(start + 2)
            guard unit & 0xF800 == 0xD800 else { return start + 6 }
            guard unit < 0xDC00, start + 7 < bytes.count, bytes[start + 6] == UInt8(ascii: "\\"),
                bytes[start + 7] == UInt8(ascii: "u"), try codeUnit(start + 8) & 0xFC00 == 0xDC00
            else { throw .invalidText(offset: start) }
            return start + 12
        default: throw .syntax(offset: start + 1, expected: "an escape that JSON knows")
        }
    }

    /// The UTF-16 code unit in the four hexadecimal digits at `start`.
    fileprivate func codeUnit(_ start: Int) throws(JSONError) -> UInt16 {
        guard start + 4 <= bytes.count else { throw .truncated(offset: bytes.count) }
        var unit: UInt16 = 0
        for index in start..<start + 4 {
            let byte = bytes[index]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw .syntax(offset: index, expected: "a hexadecimal digit")
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private func checkText(_ start: Int, _ end: Int) throws(JSONError) {
        guard String(validating: bytes[start..<end], as: UTF8.self) != nil else { throw .invalidText(offset: start) }
    }
}

extension JSONReader {
    /// Whether the text at `span` is `name`, without making a String where it has no escapes.
    package func text(at span: Span, equals name: StaticString) -> Bool {
        guard !span.hasEscapes else { return text(at: span) == "\(name)" }
        guard span.count == name.utf8CodeUnitCount else { return false }
        for index in 0..<span.count where bytes[span.start + index] != name.utf8Start[index] { return false }
        return true
    }

    /// The text of a string at `span`, escapes resolved.
    package func text(at span: Span) -> String {
        guard span.hasEscapes else { return String(decoding: bytes[span.start..<span.end], as: UTF8.self) }
        var units: [UInt8] = []
        units.reserveCapacity(span.count)
        var at = span.start
        while at < span.end {
            guard bytes[at] == UInt8(ascii: "\\") else {
                units.append(bytes[at])
                at += 1
                continue
            }
            let letter = bytes[at + 1]
            at += 2
            switch letter {
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "u"): at = appendScalar(at, to: &units)
            default: units.append(letter)
            }
        }
        return String(decoding: units, as: UTF8.self)
    }

    /// Appends the scalar whose (first) code unit stands at `start`; the grammar was checked when the span was read.
    private func appendScalar(_ start: Int, to units: inout [UInt8]) -> Int {
        guard let high = try? codeUnit(start) else { return start }
        var value = UInt32(high)
        var end = start + 4
        if high & 0xFC00 == 0xD800, let low = try? codeUnit(start + 6) {
            value = 0x10000 + (UInt32(high & 0x3FF) << 10 | UInt32(low & 0x3FF))
            end = start + 10
        }
        if let scalar = Unicode.Scalar(value) { units.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
        return end
    }
}
