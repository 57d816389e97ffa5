/// A word, a string literal or one other character of a Swift source; comments and white space are left out.
enum SwiftToken: Equatable {
    case word(String)
    case string(String)
    case symbol(Character)
}

/// Why a source can't be taken apart. The rules would not see what follows, so it is an error and never passed over.
enum SwiftSourceError: Error, Equatable {
    case unterminated(what: String, line: Int)
}

/// Takes Swift apart as far as the rules of the house need it: an `import` in a comment or a string is none.
///
/// Regex literals with quotes in them would be misread; nothing here uses them, and `unterminated` tells when one does.
struct SwiftTokenizer {
    private let bytes: [UInt8]
    private var at = 0

    static func tokens(of source: String) throws -> [SwiftToken] {
        var tokenizer = SwiftTokenizer(bytes: Array(source.utf8))
        return try tokenizer.tokens(closing: nil)
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// Tokens up to the end or, inside an interpolation, up to the parenthesis that closes it.
    private mutating func tokens(closing: Character?) throws -> [SwiftToken] {
        var tokens: [SwiftToken] = []
        var depth = 0
        while at < bytes.count {
            if starts(with: "//") {
                while at < bytes.count, bytes[at] != UInt8(ascii: "\n") { at += 1 }
            } else if starts(with: "/*") {
                try skipComment()
            } else if let hashes = stringAhead() {
                tokens.append(.string(try string(hashes: hashes)))
            } else if isWord(bytes[at]) {
                let start = at
                while at < bytes.count, isWord(bytes[at]) { at += 1 }
                tokens.append(.word(String(decoding: bytes[start..<at], as: UTF8.self)))
            } else {
                let character = Character(Unicode.Scalar(bytes[at]))
                at += 1
                if closing != nil, character == "(" { depth += 1 }
                if let closing, character == closing {
                    if depth == 0 { return tokens }
                    depth -= 1
                }
                if !character.isWhitespace { tokens.append(.symbol(character)) }
            }
        }
        guard closing == nil else { throw unterminated("interpolation", from: bytes.count) }
        return tokens
    }

    /// Comments nest.
    private mutating func skipComment() throws {
        let start = at
        var depth = 0
        repeat {
            if starts(with: "/*") {
                depth += 1
                at += 2
            } else if starts(with: "*/") {
                depth -= 1
                at += 2
            } else {
                at += 1
            }
            guard at < bytes.count || depth == 0 else { throw unterminated("comment", from: start) }
        } while depth > 0
    }

    /// The number of `#` before a string's quotes; nil where no string begins here.
    private func stringAhead() -> Int? {
        var quote = at
        while quote < bytes.count, bytes[quote] == UInt8(ascii: "#") { quote += 1 }
        return quote < bytes.count && bytes[quote] == UInt8(ascii: "\"") ? quote - at : nil
    }

    /// The literal as it is written, without what stands in interpolations.
    private mutating func string(hashes: Int) throws -> String {
        let start = at
        at += hashes
        let fence = String(repeating: "#", count: hashes)
        let quotes = starts(with: "\"\"\"") ? "\"\"\"" : "\""
        at += quotes.utf8.count
        var text: [UInt8] = []
        while at < bytes.count {
            if starts(with: quotes + fence) {
                at += quotes.utf8.count + hashes
                return String(decoding: text, as: UTF8.self)
            }
            if starts(with: "\\" + fence + "(") {
                at += hashes + 2
                _ = try tokens(closing: ")")
            } else if starts(with: "\\" + fence), at + hashes + 1 < bytes.count {
                text += bytes[at...(at + hashes + 1)]
                at += hashes + 2
            } else {
                guard quotes.utf8.count == 3 || bytes[at] != UInt8(ascii: "\n") else { break }
                text.append(bytes[at])
                at += 1
            }
        }
        throw unterminated("string", from: start)
    }

    private func starts(with text: String) -> Bool { bytes[at...].starts(with: text.utf8) }

    private func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...:
            true
        default: false
        }
    }

    private func unterminated(_ what: String, from start: Int) -> SwiftSourceError {
        .unterminated(what: what, line: 1 + bytes[..<start].count { $0 == UInt8(ascii: "\n") })
    }
}
