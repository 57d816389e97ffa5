extension JSONReader {
    /// Checks that `bytes` are one value in canonical form (RFC 8785), in memory that doesn't grow with the document.
    ///
    /// Names rise strictly there, so that this also refuses duplicates. Throws what is wrong; `path` is what errors call
    /// the document.
    package static func requireCanonical(
        _ bytes: UnsafeRawBufferPointer,
        limits: JSONLimits,
        path: String
    ) throws(JSONError) {
        var reader = try JSONReader(bytes, limits: limits)
        var left = limits.values
        try reader.requireCanonicalValue(&left, limit: limits.values, path: path)
        guard reader.offset == bytes.count else { throw .unexpected(path: path, problem: notCanonical) }
    }

    private mutating func requireCanonicalValue(
        _ left: inout Int,
        limit: Int,
        path: String
    ) throws(JSONError) {
        left -= 1
        guard left >= 0 else { throw .tooManyValues(limit: limit) }
        let start = offset
        switch try peek() {
        case .object:
            try requireStart(start, path)
            try enterObject()
            var last: String?
            while case let before = offset, let name = try nextMember() {
                let text = text(at: name)
                // A comma, the name in its quotes, a colon: nothing else may stand there.
                let separators = last == nil ? 3 : 4
                guard offset - before == name.count + separators, isCanonicalText(name, text) else {
                    throw .unexpected(path: path, problem: notCanonical)
                }
                if let last, !last.utf16.lexicographicallyPrecedes(text.utf16) {
                    throw .unexpected(
                        path: path,
                        problem: "\(notCanonical): the name \"\(text)\" is out of order or twice"
                    )
                }
                last = text
                try requireCanonicalValue(&left, limit: limit, path: path)
            }
            try requireTight(path)
        case .array:
            try requireStart(start, path)
            try enterArray()
            // A comma before every element but the first, and nothing else.
            var separators = 0
            while case let before = offset, try nextElement() {
                guard offset - before == separators else { throw .unexpected(path: path, problem: notCanonical) }
                try requireCanonicalValue(&left, limit: limit, path: path)
                separators = 1
            }
            try requireTight(path)
        case .string:
            try requireStart(start, path)
            let span = try string()
            guard isCanonicalText(span, text(at: span)) else { throw .unexpected(path: path, problem: notCanonical) }
        case .number:
            try requireStart(start, path)
            try requireCanonicalNumber(path)
        case .boolean:
            try requireStart(start, path)
            _ = try boolean()
        case .null:
            try requireStart(start, path)
            try null()
        }
    }

    private func requireStart(_ start: Int, _ path: String) throws(JSONError) {
        guard offset == start else { throw .unexpected(path: path, problem: notCanonical) }
    }

    /// The closing bracket was read: no white space stood before it.
    private func requireTight(_ path: String) throws(JSONError) {
        guard offset >= 2, bytes[offset - 2] > 0x20 else { throw .unexpected(path: path, problem: notCanonical) }
    }

    private mutating func requireCanonicalNumber(_ path: String) throws(JSONError) {
        let span = try number()
        let number = JSONNumber(checked: text(at: span))
        let canonical: String
        if let integer = number.integer {
            canonical = String(integer)
        } else {
            canonical = try canonicalNumber(number.double)
        }
        guard canonical == number.text else { throw .unexpected(path: path, problem: notCanonical) }
    }

    private func isCanonicalText(_ span: Span, _ text: String) -> Bool {
        guard span.hasEscapes else { return true }
        var written: [UInt8] = []
        appendJSONString(text, to: &written)
        return written.dropFirst().dropLast().elementsEqual(bytes[span.start..<span.end])
    }
}

private let notCanonical = "is not in canonical form"
