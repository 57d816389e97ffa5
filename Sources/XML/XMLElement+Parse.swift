internal import CExpat

extension XMLElement {
    /// Reads a document of UTF-8 by libexpat, and returns its element. Document types are refused, and with them every
    /// entity but the five that XML has of its own; nothing is ever loaded from elsewhere.
    package static func parse(_ bytes: [UInt8], limits: XMLLimits = XMLLimits()) throws(XMLError) -> XMLElement {
        guard bytes.count <= limits.bytes, bytes.count <= Int(Int32.max) else {
            throw .tooLarge(limit: "\(limits.bytes) bytes")
        }
        guard let parser = XML_ParserCreate("UTF-8") else { throw .malformed(line: 0, problem: "out of memory") }
        defer { XML_ParserFree(parser) }
        let builder = TreeBuilder(parser, limits)
        let context = Unmanaged.passUnretained(builder).toOpaque()
        XML_SetUserData(parser, context)
        XML_SetElementHandler(
            parser,
            { context, name, _ in TreeBuilder.from(context)?.begin(name) },
            { context, _ in TreeBuilder.from(context)?.end() }
        )
        XML_SetCharacterDataHandler(parser) { context, text, count in
            TreeBuilder.from(context)?.append(UnsafeBufferPointer(start: text, count: Int(count)))
        }
        XML_SetStartDoctypeDeclHandler(parser) { context, _, _, _, _ in
            TreeBuilder.from(context)?.refuseDocumentType()
        }
        let status = bytes.withUnsafeBytes { buffer in
            XML_Parse(parser, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), 1)
        }
        let line = Int(XML_GetCurrentLineNumber(parser))
        if let failure = builder.failure { throw failure }
        guard status == XML_STATUS_OK, let root = builder.root else {
            let problem = XML_ErrorString(XML_GetErrorCode(parser)).map { String(cString: $0) } ?? "no element"
            throw .malformed(line: line, problem: problem)
        }
        return root
    }
}

/// Makes a tree of what expat tells, and stops it where a limit is reached.
private final class TreeBuilder {
    private struct Open {
        let name: String
        var text: [UInt8] = []
        var children: [XMLElement] = []
    }

    private let parser: XML_Parser
    private let limits: XMLLimits
    private var open: [Open] = []
    private var elements = 0
    private(set) var root: XMLElement?
    private(set) var failure: XMLError?

    init(_ parser: XML_Parser, _ limits: XMLLimits) {
        self.parser = parser
        self.limits = limits
    }

    static func from(_ context: UnsafeMutableRawPointer?) -> TreeBuilder? {
        context.map { Unmanaged<TreeBuilder>.fromOpaque($0).takeUnretainedValue() }
    }

    func begin(_ name: UnsafePointer<CChar>?) {
        guard failure == nil, let name else { return }
        elements += 1
        guard elements <= limits.elements else { return stop(.tooLarge(limit: "\(limits.elements) elements")) }
        guard open.count < limits.depth else { return stop(.tooLarge(limit: "\(limits.depth) levels of elements")) }
        open.append(Open(name: String(cString: name)))
    }

    func append(_ text: UnsafeBufferPointer<CChar>) {
        guard failure == nil, !open.isEmpty else { return }
        open[open.count - 1].text.append(contentsOf: UnsafeRawBufferPointer(text))
    }

    func end() {
        guard failure == nil, let ended = open.popLast() else { return }
        let text = String(decoding: ended.text, as: UTF8.self)
        let element = XMLElement(name: ended.name, text: text, children: ended.children)
        if open.isEmpty { root = element } else { open[open.count - 1].children.append(element) }
    }

    func refuseDocumentType() { stop(.hasDocumentType(line: Int(XML_GetCurrentLineNumber(parser)))) }

    private func stop(_ reason: XMLError) {
        if failure == nil { failure = reason }
        XML_StopParser(parser, 0)
    }
}
