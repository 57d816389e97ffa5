package import Diagnostics

/// Why a text is no selector.
package struct SelectorError: ExplainedError, Equatable {
    package let text: String
    /// Where in its bytes reading stopped.
    package let offset: Int
    package let expected: String

    package var message: String { "the selector \"\(text)\" can't be read at byte \(offset): expected \(expected)" }
    package var hint: String? {
        "write it as site=oslo,role!=lab or zone in (a,b) | gpu; a comma is and, a bar is or, ! is not, * is every box"
    }
    package var exitCode: ExitCode { .usage }
}

extension Selector: CustomStringConvertible {
    /// Reads the text form: `site=oslo,role!=lab`, `zone in (a,b)`, `zone notin (c)`, `gpu`, `!gpu`, `a=1 | b=2`,
    /// `!(a=1,b=2)`, `*`. A comma is and, a bar is or and binds less.
    package init(text: String) throws(SelectorError) {
        guard text.utf8.count <= 16_384 else {
            throw SelectorError(text: "\(text.prefix(40))…", offset: 0, expected: "at most 16384 bytes")
        }
        var parser = SelectorParser(text)
        self = try parser.whole()
    }

    package var description: String {
        switch self {
        case .equals(let name, let value): "\(name)=\(value)"
        case .isIn(let name, let values): "\(name) in (\(list(values)))"
        case .exists(let name): name.text
        case .not(.equals(let name, let value)): "\(name)!=\(value)"
        case .not(.isIn(let name, let values)): "\(name) notin (\(list(values)))"
        case .not(.exists(let name)): "!\(name)"
        case .not(let inner): "!(\(inner))"
        case .all(let clauses) where clauses.isEmpty: "*"
        case .all(let clauses): clauses.map { $0.isGroup ? "(\($0))" : $0.description }.joined(separator: ",")
        case .any(let clauses):
            clauses.map { clause in
                if case .any = clause { return "(\(clause))" }
                return clause.description
            }.joined(separator: " | ")
        }
    }

    private func list(_ values: [LabelValue]) -> String { values.map(\.text).joined(separator: ",") }

    private var isGroup: Bool {
        switch self {
        case .all, .any: true
        case .equals, .isIn, .exists, .not: false
        }
    }
}

/// Recursive descent over the bytes; every rule of the grammar is one function.
private struct SelectorParser {
    private let text: String
    private let bytes: [UInt8]
    private var offset = 0
    private var depth = 0
    private var clauses = 0

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    mutating func whole() throws(SelectorError) -> Selector {
        if take("*") {
            try end()
            return .all([])
        }
        let selector = try alternatives()
        try end()
        guard selector.levels <= Selector.deepest else { throw problem("at most \(Selector.deepest) levels") }
        return selector
    }

    /// conjunction { "|" conjunction }
    private mutating func alternatives() throws(SelectorError) -> Selector {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Selector.deepest else { throw problem("at most \(Selector.deepest) levels") }
        var found = [try conjunction()]
        while take("|") { found.append(try conjunction()) }
        return found.count == 1 ? found[0] : .any(found)
    }

    /// term { "," term }
    private mutating func conjunction() throws(SelectorError) -> Selector {
        var found = [try term()]
        while take(",") { found.append(try term()) }
        return found.count == 1 ? found[0] : .all(found)
    }

    /// [ "!" ] "(" alternatives ")" | "!" name | name [ operator ]
    private mutating func term() throws(SelectorError) -> Selector {
        clauses += 1
        guard clauses <= Selector.mostClauses else { throw problem("at most \(Selector.mostClauses) clauses") }
        let isNegated = take("!")
        if take("(") {
            let inner = try alternatives()
            guard take(")") else { throw problem("a closing parenthesis") }
            return isNegated ? .not(inner) : inner
        }
        let name = try name()
        if isNegated { return .not(.exists(name)) }
        if take("!=") { return .not(.equals(name, try value())) }
        if take("==") || take("=") { return .equals(name, try value()) }
        if takeWord("in") { return .isIn(name, try values()) }
        if takeWord("notin") { return .not(.isIn(name, try values())) }
        return .exists(name)
    }

    private mutating func name() throws(SelectorError) -> LabelName {
        skipSpaces()
        let start = offset
        guard let name = LabelName(word(LabelName.isNameByte)) else {
            offset = start
            throw problem("a label's name")
        }
        return name
    }

    private mutating func value() throws(SelectorError) -> LabelValue {
        skipSpaces()
        let start = offset
        guard let value = LabelValue(word(LabelValue.isValueByte)) else {
            offset = start
            throw problem("a label's value")
        }
        return value
    }

    private mutating func values() throws(SelectorError) -> [LabelValue] {
        guard take("(") else { throw problem("values in parentheses") }
        var found = [try value()]
        while take(",") {
            guard found.count < Selector.mostClauses else { throw problem("at most \(Selector.mostClauses) values") }
            found.append(try value())
        }
        guard take(")") else { throw problem("a comma or a closing parenthesis") }
        return found
    }

    private mutating func end() throws(SelectorError) {
        skipSpaces()
        guard offset == bytes.count else { throw problem("a comma, a bar or the end") }
    }

    private mutating func word(_ isPart: (UInt8) -> Bool) -> String {
        let start = offset
        while offset < bytes.count, isPart(bytes[offset]) { offset += 1 }
        return String(decoding: bytes[start..<offset], as: UTF8.self)
    }

    private mutating func take(_ mark: String) -> Bool {
        skipSpaces()
        guard bytes[offset...].starts(with: mark.utf8) else { return false }
        offset += mark.utf8.count
        return true
    }

    /// A word that ends where it ends: `in` is not the start of `inside`.
    private mutating func takeWord(_ mark: String) -> Bool {
        skipSpaces()
        let start = offset
        guard word(LabelValue.isValueByte) == mark else {
            offset = start
            return false
        }
        return true
    }

    private mutating func skipSpaces() {
        while offset < bytes.count, bytes[offset] == UInt8(ascii: " ") { offset += 1 }
    }

    private func problem(_ expected: String) -> SelectorError {
        SelectorError(text: text, offset: offset, expected: expected)
    }
}
