import FileSystem
import Glibc
import Testing

@testable import Fleet

/// docs/fleet-status.md holds the reasons as tables, made from the code.
///
/// `UPDATE_GOLDEN=1 swift test --filter StatusDocumentTests` writes them anew; read the difference before committing
/// it.
@Suite(.serialized) struct StatusDocumentTests {
    private static let document: String = {
        let tests = FileSystem.parent(of: #filePath)
        return "\(FileSystem.parent(of: FileSystem.parent(of: tests)))/docs/fleet-status.md"
    }()

    @Test(arguments: ["reachable", "converged", "healthy"])
    func holdsTheTable(_ name: String) throws {
        let table = Self.table(name)
        let text = String(decoding: try FileSystem.read(Self.document, limit: 1 << 20), as: UTF8.self)
        let (opening, closing) = ("<!-- table: \(name) -->\n", "<!-- end: \(name) -->")
        let parts = text.split(separator: opening, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(parts.count == 2, "docs/fleet-status.md has no place for the table \(name)")
        let rest = parts[1].split(separator: closing, maxSplits: 1, omittingEmptySubsequences: false)
        try #require(rest.count == 2)
        if getenv("UPDATE_GOLDEN") != nil {
            let written = "\(parts[0])\(opening)\(table)\(closing)\(rest[1])"
            try FileSystem.write(Array(written.utf8), to: Self.document)
        }
        #expect(String(rest[0]) == table)
    }

    private static func table(_ name: String) -> String {
        let subject = StatusSubject()
        let rows: [String] =
            switch name {
            case "reachable":
                ReachableReason.allCases.map { row($0.code, $0.answer, $0.predicate, $0.next(subject)) }
            case "converged":
                ConvergedReason.allCases.map { row($0.code, $0.answer, $0.predicate, $0.next(subject)) }
            default: HealthyReason.allCases.map { row($0.code, $0.answer, $0.predicate, $0.next(subject)) }
            }
        return (["| reason | answer | when | next |", "|---|---|---|---|"] + rows).joined(separator: "\n") + "\n"
    }

    private static func row(_ code: String, _ answer: StatusAnswerKind, _ predicate: String, _ next: String?) -> String
    {
        "| `\(code)` | \(answer.rawValue) | \(predicate) | \(next ?? "") |"
    }
}
