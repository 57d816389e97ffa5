package import Diagnostics

/// Why a document is not the JSON we accept (RFC 8259, with the duplicate member names refused that it leaves open).
package enum JSONError: ExplainedError, Equatable {
    /// The bytes break the grammar at `offset`.
    case syntax(offset: Int, expected: String)
    /// The text ended inside a value.
    case truncated(offset: Int)
    /// A member name stands twice in one object.
    case duplicateName(String, offset: Int)
    /// The bytes at `offset` are not UTF-8, or an escape names half a surrogate pair.
    case invalidText(offset: Int)
    /// The document is larger than the reader accepts.
    case tooLarge(bytes: Int, limit: Int)
    /// Arrays and objects are nested deeper than the reader accepts.
    case tooDeep(limit: Int, offset: Int)
    /// The document holds more values than the reader accepts.
    case tooManyValues(limit: Int)
    /// A value is of another type than its place asks for, or a member is missing.
    case unexpected(path: String, problem: String)
    /// The canonical form can't hold the value (NaN, infinity, or a fraction in the form that TUF signs).
    case notRepresentable(String)

    package var message: String {
        switch self {
        case .syntax(let offset, let expected): "malformed JSON at byte \(offset): expected \(expected)"
        case .truncated(let offset): "malformed JSON: the text ends at byte \(offset) inside a value"
        case .duplicateName(let name, let offset): "malformed JSON at byte \(offset): the name \"\(name)\" stands twice"
        case .invalidText(let offset): "malformed JSON at byte \(offset): not valid UTF-8"
        case .tooLarge(let bytes, let limit): "the JSON document has \(bytes) bytes, more than the limit of \(limit)"
        case .tooDeep(let limit, let offset): "JSON at byte \(offset) is nested deeper than \(limit) levels"
        case .tooManyValues(let limit): "the JSON document holds more than \(limit) values"
        case .unexpected(let path, let problem): path.isEmpty ? problem : "\(path): \(problem)"
        case .notRepresentable(let what): "\(what) has no canonical JSON form"
        }
    }

    package var exitCode: ExitCode { .dataError }
}

/// How much a reader accepts. Every document from outside is read under one of these.
package struct JSONLimits: Sendable {
    /// Size of the whole document.
    package var bytes: Int
    /// Nesting of arrays and objects; at most 64.
    package var depth: Int
    /// Values of any kind, members and elements included.
    package var values: Int

    package init(bytes: Int, depth: Int = 64, values: Int = 1_000_000) {
        self.bytes = bytes
        self.depth = min(depth, 64)
        self.values = values
    }

    /// For documents of our own making: 16 MiB.
    package static let document = JSONLimits(bytes: 16 << 20)
}
