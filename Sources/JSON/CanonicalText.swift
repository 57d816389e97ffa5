/// A JSON value in the canonical form that TUF signs (OLPC), as text that is read where it stands.
///
/// A tree of values takes many times the memory of its text, and strangers choose the text. This takes the bytes once, and
/// makes values of what is asked for alone.
package struct CanonicalText: Hashable, Sendable {
    /// The canonical form: names in the order of their bytes, integers only, nothing escaped but `"` and `\`.
    package let bytes: [UInt8]

    package init(_ value: JSONValue) throws(JSONError) { bytes = try value.canonicalBytes(.olpc) }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Reads a document that is one object: each member in its canonical form. Strict grammar, UTF-8 checked, duplicate names
    /// refused, within `limits`; memory stays at a small multiple of the document's.
    package static func members(
        of document: [UInt8],
        limits: JSONLimits
    ) throws(JSONError) -> [(name: String, text: CanonicalText)] {
        // `withUnsafeBytes` can't carry a typed error, so the outcome travels as a value.
        func read(_ buffer: UnsafeRawBufferPointer) -> Result<[(name: String, text: CanonicalText)], JSONError> {
            Result { () throws(JSONError) in
                var writer = CanonicalWriter(try JSONReader(buffer, limits: limits), limit: limits.values)
                return try writer.members().map { ($0, CanonicalText(bytes: $1)) }
            }
        }
        return try document.withUnsafeBytes(read).get()
    }

    /// The whole of it.
    package var value: CanonicalValue { CanonicalValue(text: bytes, start: 0, end: bytes.count) }
}

/// A value inside canonical text.
package struct CanonicalValue: Sendable {
    private let text: [UInt8]
    // Text is far below 2 GiB, and there may be a quarter of a million of these.
    private let start: UInt32
    private let end: UInt32

    init(text: [UInt8], start: Int, end: Int) {
        self.text = text
        self.start = UInt32(start)
        self.end = UInt32(end)
    }

    /// As a tree.
    package var json: JSONValue {
        // The text is of our own writing.
        (try? read { reader throws(JSONError) in try JSONValue(&reader, limit: .max) }) ?? .null
    }

    /// Of a string.
    package var string: String? {
        try? read { reader throws(JSONError) in
            guard try reader.peek() == .string else { return nil }
            return reader.text(at: try reader.string())
        }
    }

    /// The same with text of its own, so that what stood around it may be let go.
    package var detached: CanonicalValue { CanonicalValue(text: Array(bytes), start: 0, end: bytes.count) }

    package var kindName: String {
        switch try? read({ reader throws(JSONError) in try reader.peek() }) {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .boolean: "a boolean"
        case .null, nil: "null"
        }
    }

    /// The members, where this is an object.
    package var object: CanonicalObject? {
        try? read { reader throws(JSONError) in
            guard try reader.peek() == .object else { return nil }
            try reader.enterObject()
            var members: [CanonicalObject.Member] = []
            while let name = try reader.nextMember() {
                let start = reader.offset
                try reader.skip()
                members.append(CanonicalObject.Member(name: name.start..<name.end, value: start..<reader.offset))
            }
            return CanonicalObject(text: text, members: members)
        }
    }

    /// The elements, where this is an array.
    package var elements: [CanonicalValue]? {
        try? read { reader throws(JSONError) in
            guard try reader.peek() == .array else { return nil }
            try reader.enterArray()
            var elements: [CanonicalValue] = []
            while try reader.nextElement() {
                let start = reader.offset
                try reader.skip()
                elements.append(CanonicalValue(text: text, start: start, end: reader.offset))
            }
            return elements
        }
    }

    private func read<Result>(_ body: (inout JSONReader) throws(JSONError) -> Result) throws(JSONError) -> Result {
        func outcome(_ buffer: UnsafeRawBufferPointer) -> Swift.Result<Result, JSONError> {
            Swift.Result { () throws(JSONError) in
                var reader = JSONReader(
                    canonical: UnsafeRawBufferPointer(rebasing: buffer[..<Int(end)]),
                    at: Int(start)
                )
                return try body(&reader)
            }
        }
        return try text.withUnsafeBytes(outcome).get()
    }

    fileprivate var bytes: ArraySlice<UInt8> { text[Int(start)..<Int(end)] }
}

extension CanonicalValue: Hashable {
    package static func == (left: CanonicalValue, right: CanonicalValue) -> Bool { left.bytes == right.bytes }
    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// An object inside canonical text: where its members stand, in the order of their names.
package struct CanonicalObject: Sendable {
    fileprivate struct Member: Sendable {
        /// Without the quotes.
        let nameStart: UInt32
        let nameEnd: UInt32
        let valueStart: UInt32
        let valueEnd: UInt32

        init(name: Range<Int>, value: Range<Int>) {
            (nameStart, nameEnd) = (UInt32(name.lowerBound), UInt32(name.upperBound))
            (valueStart, valueEnd) = (UInt32(value.lowerBound), UInt32(value.upperBound))
        }

        var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
    }

    private let text: [UInt8]
    private var members: [Member]

    package init() { (text, members) = ([], []) }

    fileprivate init(text: [UInt8], members: [Member]) { (self.text, self.members) = (text, members) }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    /// The member at a place of the order.
    package subscript(index: Int) -> (name: String, value: CanonicalValue) {
        (name(members[index]), value(members[index]))
    }

    package subscript(name: String) -> CanonicalValue? {
        var name = name
        return name.withUTF8 { name in
            var (low, high) = (0, members.count)
            while low < high {
                let middle = (low + high) / 2
                let order = text.withUnsafeBytes { text in
                    canonicalOrder(UnsafeRawBufferPointer(name), isEscaped: false, text, members[middle].name)
                }
                if order == 0 { return value(members[middle]) }
                if order < 0 { high = middle } else { low = middle + 1 }
            }
            return nil
        }
    }

    /// Without the members of these names.
    package func without(_ names: Set<String>) -> CanonicalObject {
        let rest = members.filter { !names.contains(name($0)) }
        return rest.isEmpty ? CanonicalObject() : CanonicalObject(text: text, members: rest)
    }

    /// As a tree.
    package var json: JSONObject {
        var object = JSONObject()
        for member in members { object.append(name(member), value(member).json) }
        return object
    }

    private func value(_ member: Member) -> CanonicalValue {
        CanonicalValue(text: text, start: Int(member.valueStart), end: Int(member.valueEnd))
    }

    private func name(_ member: Member) -> String {
        let bytes = text[member.name]
        guard bytes.contains(UInt8(ascii: "\\")) else { return String(decoding: bytes, as: UTF8.self) }
        var plain: [UInt8] = []
        var isEscaped = false
        for byte in bytes {
            isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
            if !isEscaped { plain.append(byte) }
        }
        return String(decoding: plain, as: UTF8.self)
    }
}

extension CanonicalObject: Hashable {
    package static func == (left: CanonicalObject, right: CanonicalObject) -> Bool {
        left.members.count == right.members.count
            && zip(left.members, right.members).allSatisfy { one, other in
                left.text[one.name] == right.text[other.name] && left.value(one) == right.value(other)
            }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(members.count) }
}

/// The order of two names by the bytes of their text: negative, zero or positive.
///
/// - Parameter isEscaped: whether the left one has its quotes and backslashes escaped, as canonical text has.
private func canonicalOrder(
    _ left: UnsafeRawBufferPointer,
    isEscaped: Bool,
    _ text: UnsafeRawBufferPointer,
    _ right: Range<Int>
) -> Int {
    let backslash = UInt8(ascii: "\\")
    var (one, other) = (0, right.lowerBound)
    while one < left.count, other < right.upperBound {
        if isEscaped, left[one] == backslash { one += 1 }
        if text[other] == backslash { other += 1 }
        if left[one] != text[other] { return left[one] < text[other] ? -1 : 1 }
        one += 1
        other += 1
    }
    return (one < left.count ? 1 : 0) - (other < right.upperBound ? 1 : 0)
}

/// Writes what a reader reads in canonical form.
private struct CanonicalWriter {
    private var reader: JSONReader
    private var output: [UInt8] = []
    private var left: Int
    private let limit: Int

    init(_ reader: JSONReader, limit: Int) {
        self.reader = reader
        self.limit = limit
        left = limit
    }

    /// The members of a document that is an object, each on its own.
    mutating func members() throws(JSONError) -> [(String, [UInt8])] {
        left -= 1
        guard try reader.peek() == .object else {
            // What else it is has to be JSON all the same.
            let kind = try reader.peek()
            try reader.skip()
            try reader.end()
            throw .unexpected(path: "", problem: "expected an object, found \(kind.words)")
        }
        try reader.enterObject()
        var members: [(String, [UInt8])] = []
        var names: Set<[UInt8]> = []
        while let name = try reader.nextMember() {
            let text = reader.text(at: name)
            guard names.insert(Array(text.utf8)).inserted else { throw .duplicateName(text, offset: name.start) }
            output = []
            output.reserveCapacity(1 << 12)
            try write()
            members.append((text, output))
            output = []
        }
        try reader.end()
        return members
    }

    private mutating func write() throws(JSONError) {
        left -= 1
        guard left >= 0 else { throw .tooManyValues(limit: limit) }
        switch try reader.peek() {
        case .object: try writeObject()
        case .array:
            try reader.enterArray()
            output.append(UInt8(ascii: "["))
            var isFirst = true
            while try reader.nextElement() {
                if !isFirst { output.append(UInt8(ascii: ",")) }
                isFirst = false
                try write()
            }
            output.append(UInt8(ascii: "]"))
        case .string: writeString(try reader.string())
        case .number: try writeNumber(try reader.number())
        case .boolean: output.append(contentsOf: (try reader.boolean() ? "true" : "false").utf8)
        case .null:
            try reader.null()
            output.append(contentsOf: "null".utf8)
        }
    }

    private mutating func writeObject() throws(JSONError) {
        try reader.enterObject()
        let start = output.count
        output.append(UInt8(ascii: "{"))
        var members: [Written] = []
        while let name = try reader.nextMember() {
            if !members.isEmpty { output.append(UInt8(ascii: ",")) }
            let begin = output.count
            writeString(name)
            let nameEnd = output.count
            output.append(UInt8(ascii: ":"))
            try write()
            members.append(
                Written(
                    start: UInt32(begin),
                    nameEnd: UInt32(nameEnd),
                    end: UInt32(output.count),
                    source: UInt32(name.start)
                )
            )
        }
        try sort(members, from: start)
        output.append(UInt8(ascii: "}"))
    }

    /// A member in the output: `"name":value`.
    private struct Written {
        let start: UInt32
        let nameEnd: UInt32
        let end: UInt32
        /// Where the name stood in the document.
        let source: UInt32

        var name: Range<Int> { Int(start) + 1..<Int(nameEnd) - 1 }
        var all: Range<Int> { Int(start)..<Int(end) }
    }

    /// Brings the members of the object that begins at `start` into order, and refuses a name that stands twice.
    private mutating func sort(_ written: [Written], from start: Int) throws(JSONError) {
        guard written.count > 1 else { return }
        let (members, isSorted, twin) = output.withUnsafeBytes { bytes -> ([Written], Bool, Written?) in
            func order(_ one: Written, _ other: Written) -> Int {
                canonicalOrder(UnsafeRawBufferPointer(rebasing: bytes[one.name]), isEscaped: true, bytes, other.name)
            }
            func twin(_ members: [Written]) -> Written? {
                for index in members.indices.dropFirst() where order(members[index - 1], members[index]) == 0 {
                    // Of the two, the one that came second.
                    return members[index].source > members[index - 1].source ? members[index] : members[index - 1]
                }
                return nil
            }
            let rises = written.indices.dropFirst().allSatisfy { order(written[$0 - 1], written[$0]) < 0 }
            guard !rises else { return (written, true, nil) }
            let sorted = written.sorted { order($0, $1) < 0 }
            return (sorted, false, twin(sorted))
        }
        if let twin {
            let name = String(decoding: output[twin.name].prefix(100), as: UTF8.self)
            throw .duplicateName(name, offset: Int(twin.source))
        }
        guard !isSorted else { return }
        let unsorted = Array(output[start...])
        output.removeLast(output.count - start - 1)
        for (index, member) in members.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output.append(contentsOf: unsorted[member.all.lowerBound - start..<member.all.upperBound - start])
        }
    }

    private mutating func writeString(_ span: JSONReader.Span) {
        output.append(UInt8(ascii: "\""))
        if span.hasEscapes {
            for byte in reader.text(at: span).utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
                output.append(byte)
            }
        } else {
            output.append(contentsOf: reader.bytes[span.start..<span.end])
        }
        output.append(UInt8(ascii: "\""))
    }

    private mutating func writeNumber(_ span: JSONReader.Span) throws(JSONError) {
        // No integer of 64 bits is longer.
        let shown = JSONReader.Span(start: span.start, end: min(span.end, span.start + 24), hasEscapes: false)
        let text = reader.text(at: shown)
        guard let integer = Int64(text), shown == span else {
            throw .notRepresentable("the number \(text)\(shown == span ? "" : "…")")
        }
        output.append(contentsOf: String(integer).utf8)
    }
}

extension JSONReader.Kind {
    fileprivate var words: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .boolean: "a boolean"
        case .null: "null"
        }
    }
}
