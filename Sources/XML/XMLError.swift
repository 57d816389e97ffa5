package import Diagnostics

/// Why bytes are not a document that is read here.
package enum XMLError: ExplainedError, Equatable {
    case malformed(line: Int, problem: String)
    /// It has a document type, whose entities could be anything.
    case hasDocumentType(line: Int)
    case tooLarge(limit: String)

    package var message: String {
        switch self {
        case .malformed(let line, let problem): "the XML is malformed in line \(line): \(problem)"
        case .hasDocumentType(let line): "the XML has a document type in line \(line), which is not read here"
        case .tooLarge(let limit): "the XML has more than \(limit)"
        }
    }

    package var exitCode: ExitCode { .dataError }
}

/// The most that is read of a document.
package struct XMLLimits: Sendable, Equatable {
    package var bytes: Int
    /// Elements in one another.
    package var depth: Int
    package var elements: Int

    package init(bytes: Int = 1 << 20, depth: Int = 16, elements: Int = 20_000) {
        self.bytes = bytes
        self.depth = depth
        self.elements = elements
    }
}
