import CYAML

/// Reads one YAML document.
package enum YAMLParser {
    /// The document's value; an empty document is null.
    ///
    /// `source` is the name that messages call the input. Everything that is wrong is refused with its place.
    package static func parse(
        _ bytes: [UInt8],
        source: String,
        limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> YAMLNode {
        guard bytes.count <= limits.bytes else {
            let start = YAMLPosition(source: source, line: 1, column: 1)
            throw YAMLError.limit(start, what: "\(bytes.count) bytes are more than the \(limits.bytes) that are read")
        }
        // libyaml keeps a pointer to the input, so all parsing happens inside this call.
        let result = bytes.withUnsafeBufferPointer { input in
            Result { () throws(YAMLError) in
                var events = try EventReader(input, source: source)
                var builder = YAMLTreeBuilder(source: source, limits: limits)
                return try builder.build(&events)
            }
        }
        return try result.get()
    }

    /// The document's value, from text.
    package static func parse(
        _ text: String,
        source: String,
        limits: YAMLLimits = YAMLLimits()
    ) throws(YAMLError) -> YAMLNode {
        try parse(Array(text.utf8), source: source, limits: limits)
    }
}

/// What libyaml reads, one step of the document each.
struct YAMLEvent {
    enum Kind {
        case start
        case end
        case documentStart
        case scalar(YAMLScalar)
        case sequenceStart
        case mappingStart
        case collectionEnd
        case alias(String)
        case other
    }

    let kind: Kind
    let anchor: String?
    let tag: String?
    let position: YAMLPosition
}

/// Owns a libyaml parser over bytes that must outlive it.
struct EventReader: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeBufferPointer<UInt8>
    private let source: String

    init(_ input: UnsafeBufferPointer<UInt8>, source: String) throws(YAMLError) {
        parser = .allocate(capacity: 1)
        self.input = input
        self.source = source
        guard yaml_parser_initialize(parser) == 1 else {
            parser.deallocate()
            throw YAMLError.outOfMemory
        }
        yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    /// The next event; after an error the reader is of no more use.
    mutating func next() throws(YAMLError) -> YAMLEvent {
        var event = yaml_event_t()
        guard yaml_parser_parse(parser, &event) == 1 else { throw failure() }
        defer { yaml_event_delete(&event) }
        let position = place(event.start_mark)
        func made(_ kind: YAMLEvent.Kind, anchor: Bytes? = nil, tag: Bytes? = nil) -> YAMLEvent {
            YAMLEvent(kind: kind, anchor: string(anchor), tag: string(tag), position: position)
        }
        switch event.type {
        case YAML_STREAM_START_EVENT: return made(.start)
        case YAML_STREAM_END_EVENT: return made(.end)
        case YAML_DOCUMENT_START_EVENT: return made(.documentStart)
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
            let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let text = String(decoding: bytes, as: UTF8.self)
            let value = YAMLScalar(text: text, style: isPlain ? .plain : .quoted)
            return made(.scalar(value), anchor: scalar.anchor, tag: scalar.tag)
        case YAML_SEQUENCE_START_EVENT:
            return made(.sequenceStart, anchor: event.data.sequence_start.anchor, tag: event.data.sequence_start.tag)
        case YAML_MAPPING_START_EVENT:
            return made(.mappingStart, anchor: event.data.mapping_start.anchor, tag: event.data.mapping_start.tag)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return made(.collectionEnd)
        case YAML_ALIAS_EVENT: return made(.alias(string(event.data.alias.anchor) ?? ""))
        default: return made(.other)
        }
    }

    private typealias Bytes = UnsafeMutablePointer<yaml_char_t>

    private func string(_ bytes: Bytes?) -> String? {
        bytes.map { String(cString: $0) }
    }

    private func place(_ mark: yaml_mark_t) -> YAMLPosition {
        YAMLPosition(source: source, line: mark.line + 1, column: mark.column + 1)
    }

    private func failure() -> YAMLError {
        guard parser.pointee.error != YAML_MEMORY_ERROR else { return .outOfMemory }
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "is no YAML"
        // Errors of the byte reader (encoding, control characters) come with an offset in place of a mark.
        guard parser.pointee.error != YAML_READER_ERROR else {
            return .syntax(place(offset: parser.pointee.problem_offset), problem: problem, hint: nil)
        }
        let mark = parser.pointee.problem_mark
        let context = parser.pointee.context.map { " \(String(cString: $0))" } ?? ""
        let isTab = mark.index < input.count && input[mark.index] == UInt8(ascii: "\t")
        let hint = isTab ? "YAML is indented with spaces, never with tabs" : nil
        return .syntax(place(mark), problem: problem + context, hint: hint)
    }

    private func place(offset: Int) -> YAMLPosition {
        let before = input.prefix(offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        let column = String(decoding: before[lineStart...], as: UTF8.self).unicodeScalars.count + 1
        return YAMLPosition(source: source, line: line, column: column)
    }
}
